"""An AHCI controller with its ports and disks, as seen through the registers (AHCI 1.3.1; Serial ATA 3.0; ACS-2). It
raises Broken where the driver does what is not defined there."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from codegen.lang import Hpa, host
from tests.ata.disk_model import DiskModel, MediaError
from tests.ata.services import MS, Broken, Services

BSY, DRDY, DRQ, ERR = 0x80, 0x40, 0x08, 0x01
ST, SUD, POD, FRE, FR, CR = 1, 2, 4, 1 << 4, 1 << 14, 1 << 15
DHRS, PSS, SDBS, PCS, PRCS, IFS, TFES = 1, 2, 8, 1 << 6, 1 << 22, 1 << 27, 1 << 30
LINK_CHANGED, CRC, EXCHANGED = 1 << 16, 1 << 21, 1 << 26
NEVER = 1 << 62
QUEUED = {0x60: "write", 0x61: "read"}
DMA = {0xC8: "write", 0xCA: "read", 0x25: "write", 0x35: "read"}


@dataclass
class Behaviour:
    """What a test makes a disk do."""

    hangs: bool = False  # commands are never finished
    dead: bool = False  # after a reset there is no link any more
    sleepy: bool = False  # after a reset it stays busy
    link_ns: int = 5 * MS
    ready_ns: int = 5 * MS
    log: str = "right"  # "absent", "sum", "tag", "unqueued"
    crc: bool = False  # the next transfer fails on the cable


@dataclass
class Disk:
    disk: DiskModel
    how: Behaviour = field(default_factory=Behaviour)
    signature = 0x0000_0101


@dataclass
class Atapi:
    how: Behaviour = field(default_factory=Behaviour)
    signature = 0xEB14_0101


Device = Disk | Atapi | None


class Port:
    def __init__(self, hba: Hba, number: int, device: Device) -> None:
        self.hba, self.number, self.device = hba, number, device
        self.log: list[int] = []
        self.stuck = False  # does not stop
        self.clears_failed = False  # as QEMU does until 8.1: the failed command counts as ended
        self.tells_late = False  # the interrupt of an error comes after the command has ended
        self.stop_ns = 0
        self.fresh()

    def fresh(self) -> None:
        """As after a reset of the controller."""
        self.list = self.received = 0
        self.interrupts = self.enabled = self.errors = 0
        self.command = POD | (0 if self.hba.staggered else SUD)
        self.control = 0
        self.active = self.issued = 0
        self.stopped_at = NEVER
        self.halted = False
        self.outstanding: set[int] = set()  # that the disk has accepted
        self.failed_tag: int | None = None
        self.status, self.error, self.signature = 0x7F, 0, 0xFFFF_FFFF
        self.link_at = self.ready_at = NEVER
        self.linked = self.sent = False
        self.reset_since = NEVER

    # ---- the link ----

    def begin_link(self) -> None:
        self.outstanding.clear()
        self.failed_tag = None
        self.linked = self.sent = False
        self.status = BSY if self.device else 0x7F
        self.link_at = NEVER
        if self.device is not None and not self.device.how.dead:
            self.link_at = self.hba.services.time + self.device.how.link_ns

    def live(self) -> None:
        """What happens by itself as time passes."""
        now = self.hba.services.time
        if self.command & CR and now >= self.stopped_at and not self.stuck:
            self.command &= ~CR
            self.active = self.issued = 0
            self.halted = False
            self.stopped_at = NEVER
        device = self.device
        if device is None:
            return
        if not self.linked and now >= self.link_at:
            self.linked = True
            self.errors |= LINK_CHANGED | EXCHANGED
            self.ready_at = NEVER if device.how.sleepy else now + device.how.ready_ns
            self.event(0)
        if self.linked and not self.sent and now >= self.ready_at and self.command & FRE:
            self.sent = True
            self.status, self.error, self.signature = DRDY, 1, device.signature
            self.send_fis(0x40, 20, DHRS)

    def unplug(self) -> None:
        self.device = None
        self.linked = False
        self.status = 0x7F
        self.errors |= LINK_CHANGED
        self.outstanding.clear()
        self.event(0)

    def plug_in(self, device: Disk) -> None:
        self.device = device
        self.begin_link()

    def send_fis(self, offset: int, length: int, event: int) -> None:
        if not self.command & FRE:
            raise Broken("a FIS that nobody receives")
        self.hba.services.dma_write(self.received + offset, bytes(length))
        self.event(event)

    def event(self, bits: int) -> None:
        self.interrupts |= bits
        self.hba.gather(self.number)

    @property
    def pending(self) -> int:
        link = (PCS if self.errors & EXCHANGED else 0) | (PRCS if self.errors & LINK_CHANGED else 0)
        return self.interrupts | link

    # ---- registers ----

    def read(self, offset: int) -> int:
        self.live()
        match offset:
            case 0x00:
                return self.list & 0xFFFF_FFFF
            case 0x10:
                return self.pending
            case 0x14:
                return self.enabled
            case 0x18:
                return self.command | (FR if self.command & FRE else 0)
            case 0x20:
                return self.status | self.error << 8
            case 0x24:
                return self.signature
            case 0x28:
                return 0x123 if self.linked else 0
            case 0x2C:
                return self.control
            case 0x30:
                return self.errors
            case 0x34:
                return self.active
            case 0x38:
                return self.issued
        raise Broken(f"a read of port register {offset:#x}")

    def write(self, offset: int, value: int) -> None:
        self.live()
        if not self.hba.control >> 31:
            raise Broken("a port is used without AHCI mode")
        match offset:
            case 0x00 | 0x04 | 0x08 | 0x0C:
                self.place(offset, value)
            case 0x10:
                self.interrupts &= ~value
                self.hba.gather(self.number)
            case 0x14:
                self.enabled = value
                self.hba.gather(self.number)
            case 0x18:
                self.write_command(value)
            case 0x2C:
                self.write_control(value)
            case 0x30:
                self.errors &= ~value
            case 0x34:
                if not self.command & ST or value & self.active:
                    raise Broken("PxSACT")
                self.active |= value
            case 0x38:
                self.issue(value)
            case _:
                raise Broken(f"a write of port register {offset:#x}")

    def place(self, offset: int, value: int) -> None:
        if self.command & (CR | ST | (FRE if offset >= 8 else 0)):
            raise Broken("a list moves while it is used")
        if offset == 0 and value % 1024 or offset == 8 and value % 256:
            raise Broken("a list is not aligned")
        if offset in (4, 12) and value and not self.hba.wide:
            raise Broken("a 64-bit address")
        if offset < 8:
            self.list = self.list & ~(0xFFFF_FFFF << 8 * offset) | value << 8 * offset
        else:
            self.received = self.received & ~(0xFFFF_FFFF << 8 * (offset - 8)) | value << 8 * (offset - 8)

    def write_command(self, value: int) -> None:
        began = value & ~self.command
        ended = self.command & ~value
        if began & FRE:
            self.hba.services.check(self.received, 256, "write")
        if ended & FRE and self.command & CR:
            raise Broken("it stops receiving while it runs")
        if began & ST:
            if not self.command & FRE or self.command & CR or not self.linked or self.status & (BSY | DRQ):
                raise Broken(f"the port is started: command {self.command:#x}, status {self.status:#x}")
            if self.outstanding and self.failed_tag is None:
                raise Broken("the port starts over, and the disk still has commands")
            if self.errors or self.interrupts:
                raise Broken("the port is started with errors of before")
            self.hba.services.check(self.list, 1024, "read")
            self.command |= CR
        if ended & ST:
            self.stopped_at = self.hba.services.time + self.stop_ns
        spun = began & SUD
        self.command = value & (ST | SUD | POD | FRE) | self.command & CR
        if spun:
            self.begin_link()
        self.live()

    def write_control(self, value: int) -> None:
        detection = value & 0xF
        if detection == 1 and self.control & 0xF != 1:
            if self.command & (ST | CR):
                raise Broken("the link is reset while the port runs")
            self.reset_since = self.hba.services.time
            self.linked = False
            self.link_at = NEVER
            self.outstanding.clear()
            self.failed_tag = None
        elif detection == 0 and self.control & 0xF == 1:
            if self.hba.services.time - self.reset_since < MS:
                raise Broken("a short reset of the link")
            self.begin_link()
        elif detection > 1:
            raise Broken(f"link control {value:#x}")
        self.control = value

    def issue(self, value: int) -> None:
        if not self.command & ST or value & self.issued or not value:
            raise Broken(f"PxCI {value:#x} on {self.issued:#x}, command {self.command:#x}")
        if value >> self.hba.slots:
            raise Broken("a slot that is not there")
        queued_now = (self.active | value) == self.active
        others = self.issued | self.active & ~value
        if others and not (queued_now and self.issued & ~self.active == 0):
            raise Broken("queued commands and others at a time")
        self.issued |= value

    # ---- commands ----

    def work(self, choose: random.Random) -> bool:
        """One step of one command."""
        self.live()
        device = self.device
        if not isinstance(device, Disk) or device.how.hangs or self.halted or not self.command & ST or not self.linked:
            return False
        accepted = [slot for slot in self.outstanding if self.active >> slot & 1]
        if accepted and (not self.issued or choose.random() < 0.5):
            self.carry_out_queued(device, choose.choice(sorted(accepted)))
            return True
        slots = [slot for slot in range(32) if self.issued >> slot & 1]
        if not slots:
            return False
        slot = choose.choice(slots)
        fis, regions, writes = self.fetch(slot)
        self.log.append(fis[2])
        if self.failed_tag is not None and fis[2] != 0x2F:
            self.fail(slot, 4)
        elif fis[2] in QUEUED:
            if not self.active >> slot & 1 or fis[12] != slot << 3 or slot >= device.disk.queue:
                raise Broken("the tag")
            self.outstanding.add(slot)
            self.issued &= ~(1 << slot)
        elif self.active:
            raise Broken("a command that is not queued has a bit in PxSACT")
        else:
            self.carry_out(device, slot, fis, regions, writes)
        return True

    def fetch(self, slot: int) -> tuple[bytes, list[tuple[int, int]], bool]:
        header = self.hba.services.dma_read(self.list + 32 * slot, 32)
        flags = int.from_bytes(header[:4], "little")
        table = int.from_bytes(header[8:16], "little")
        if flags & 0xFFA0 or flags & 31 != 5 or table % 128 or (table >> 32 and not self.hba.wide):
            raise Broken(f"a header {header.hex()}")
        fis = self.hba.services.dma_read(table, 20)
        if fis[:2] != b"\x27\x80" or any(fis[14:20]):
            raise Broken(f"a FIS {fis.hex()}")
        regions = []
        for i in range(flags >> 16):
            entry = self.hba.services.dma_read(table + 128 + 16 * i, 16)
            address, last = int.from_bytes(entry[:8], "little"), int.from_bytes(entry[12:], "little")
            if address % 2 or not last & 1 or last >> 22 or any(entry[8:12]):
                raise Broken(f"a region {entry.hex()}")
            regions.append((address, last + 1))
        return fis, regions, bool(flags & 0x40)

    def carry_out_queued(self, device: Disk, slot: int) -> None:
        fis, regions, writes = self.fetch(slot)
        count = (fis[3] | fis[11] << 8) or 0x1_0000
        if writes != (fis[2] == 0x61):
            raise Broken("the direction")
        if self.breaks_on_cable(device):
            return
        try:
            self.transfer(device.disk, QUEUED[fis[2]], lba_of(fis), count, regions)
        except MediaError:
            self.failed_tag = slot
            self.halted = True
            self.status, self.error = DRDY | ERR, 0x40
            self.send_fis(0x58, 8, SDBS | TFES)
            return
        self.outstanding.discard(slot)
        self.active &= ~(1 << slot)
        self.send_fis(0x58, 8, SDBS)

    def carry_out(self, device: Disk, slot: int, fis: bytes, regions: list[tuple[int, int]], writes: bool) -> None:
        disk, command = device.disk, fis[2]
        wide = command in (0x25, 0x35, 0x2F, 0x06, 0xEA)
        count = fis[12] | fis[13] << 8
        if not wide and (fis[13] or any(fis[8:11])):
            raise Broken("high bytes of a 28-bit command")
        if wide and not disk.wide:
            raise Broken("a 48-bit command")
        if self.breaks_on_cable(device):
            return
        try:
            if command in DMA:
                if not fis[7] & 0x40 or writes != (DMA[command] == "read"):
                    raise Broken("no LBA, or the wrong direction")
                lba = lba_of(fis) if wide else lba_of(fis) | (fis[7] & 0xF) << 24
                self.transfer(disk, DMA[command], lba, count or (0x1_0000 if wide else 256), regions)
            elif command in (0xE7, 0xEA):
                disk.flush()
            elif command == 0x06:
                if not disk.trim or fis[3] != 1 or count != 1 or not writes:
                    raise Broken("TRIM")
                disk.discard(self.gather_data(regions, 512))
            elif command == 0xEC:
                self.scatter(regions, disk.identify())
            elif command == 0x2F and device.how.log != "absent":
                if lba_of(fis) != 0x10 or count != 1:
                    raise Broken("another log")
                self.scatter(regions, self.error_log(device))
                self.failed_tag = None
                self.outstanding.clear()
            else:
                self.fail(slot, 4)
                return
        except MediaError:
            self.fail(slot, 0x40)
            return
        self.status, self.error = DRDY, 0
        self.issued &= ~(1 << slot)
        self.hba.services.dma_write(self.list + 32 * slot + 4, bytes(4))
        self.send_fis(0x20 if command in (0xEC, 0x2F) else 0x40, 20, PSS if command in (0xEC, 0x2F) else DHRS)

    def error_log(self, device: Disk) -> bytes:
        page = bytearray(512)
        tag = self.failed_tag or 0
        page[0] = {"tag": tag ^ 16, "unqueued": 0x80 | tag}.get(device.how.log, tag)
        page[2], page[3] = 0x41, 0x40
        page[511] = -sum(page) & 0xFF
        if device.how.log == "sum":
            page[100] = 1
        return bytes(page)

    def breaks_on_cable(self, device: Disk) -> bool:
        if device.how.crc:
            device.how.crc = False
            self.errors |= CRC
            self.halted = True
            self.event(IFS)
            return True
        return False

    def fail(self, slot: int, error: int) -> None:
        self.halted = True
        self.status, self.error = DRDY | ERR, error
        if self.clears_failed:
            self.issued &= ~(1 << slot)
        self.send_fis(0x40, 20, DHRS if self.tells_late else DHRS | TFES)

    def transfer(self, disk: DiskModel, act: str, lba: int, count: int, regions: list[tuple[int, int]]) -> None:
        if sum(length for _, length in regions) != count * disk.block:
            raise Broken("the regions are not as long as the transfer")
        if act == "write":
            self.scatter(regions, disk.read(lba, count))
        else:
            disk.write(lba, self.gather_data(regions, count * disk.block))

    def gather_data(self, regions: list[tuple[int, int]], length: int) -> bytes:
        data = b"".join(self.hba.services.dma_read(address, size) for address, size in regions)
        assert len(data) == length
        return data

    def scatter(self, regions: list[tuple[int, int]], data: bytes) -> None:
        for address, length in regions:
            self.hba.services.dma_write(address, data[:length])
            data = data[length:]
        assert not data


def lba_of(fis: bytes) -> int:
    return int.from_bytes(fis[4:7] + fis[8:11], "little")


class Hba:
    """The controller. `release_ns`: firmware has it, and gives it back after so long."""

    def __init__(
        self,
        services: Services,
        devices: list[Device],
        wide: bool = True,
        queues: bool = True,
        slots: int = 32,
        staggered: bool = False,
        release_ns: int | None = None,
    ) -> None:
        self.services = services
        self.wide, self.queues, self.slots, self.staggered = wide, queues, slots, staggered
        self.release_ns = release_ns
        self.handoff = 0 if release_ns is None else 1
        self.asked_at = NEVER
        self.control = 0x8000_0002
        self.interrupts = 0
        self.messages = 0
        self.implemented = sum(1 << i for i in range(len(devices)))
        self.forgets_ports = False
        self.reset_ns = 3 * MS
        self.reset_at = NEVER
        self.reset_stuck = False
        self.gone = False
        self.resets = 0
        self.choose = random.Random(1)
        self.ports = [Port(self, i, device) for i, device in enumerate(devices)]
        for port in self.ports:  # as firmware has left it
            port.fresh()
            port.begin_link()

    def gather(self, number: int) -> None:
        port = self.ports[number]
        if port.pending & port.enabled and not self.interrupts >> number & 1:
            self.interrupts |= 1 << number
            self.message()

    def message(self) -> None:
        if self.control & 2:
            self.messages += 1

    def read(self, offset: int, width: int, /) -> int:
        if self.gone:
            return (1 << 8 * width) - 1
        if width != 4 or offset % 4:
            raise Broken("an access that is no doubleword")
        self.live()
        if offset >= 0x100:
            return self.ports[(offset - 0x100) // 0x80].read((offset - 0x100) % 0x80)
        match offset:
            case 0x00:
                capability = len(self.ports) - 1 | (self.slots - 1) << 8 | 1 << 18
                return capability | self.staggered << 27 | self.queues << 30 | self.wide << 31
            case 0x04:
                return self.control
            case 0x08:
                return self.interrupts
            case 0x0C:
                return self.implemented
            case 0x10:
                return 0x0001_0301
            case 0x24:
                return self.release_ns is not None
            case 0x28:
                return self.handoff
        raise Broken(f"a read of register {offset:#x}")

    def live(self) -> None:
        now = self.services.time
        if self.release_ns is not None and now >= self.asked_at + self.release_ns:
            self.handoff &= ~1
        if self.control & 1 and now >= self.reset_at and not self.reset_stuck:
            self.control = 0
            self.interrupts = 0
            self.resets += 1
            if self.forgets_ports:
                self.implemented = 0
            for port in self.ports:
                port.fresh()
                if not self.staggered:
                    port.begin_link()
        for port in self.ports:
            port.live()

    def write(self, offset: int, width: int, value: int, /) -> None:
        if self.gone:
            return
        if width != 4:
            raise Broken("an access that is no doubleword")
        self.live()
        if self.control & 1 and offset != 4:
            raise Broken("a write during the reset")
        if offset >= 0x100:
            self.ports[(offset - 0x100) // 0x80].write((offset - 0x100) % 0x80, value)
            return
        if self.handoff & 1 and offset != 0x28 and self.services.time < self.asked_at + 25 * MS:
            raise Broken("the firmware still has the controller")
        match offset:
            case 0x04:
                if value & 1:
                    if not self.control >> 31:
                        raise Broken("a reset outside of AHCI mode")
                    self.reset_at = self.services.time + self.reset_ns
                self.control = value | self.control & 1
            case 0x08:
                self.interrupts &= ~value
                for port in self.ports:
                    if value >> port.number & 1:
                        self.gather(port.number)
            case 0x0C:
                self.implemented = value
            case 0x28:
                if value & 2 and self.asked_at == NEVER:
                    self.asked_at = self.services.time
                self.handoff = self.handoff & 1 | value & 2
            case _:
                raise Broken(f"a write of register {offset:#x}")

    def work(self) -> bool:
        return not self.gone and any([port.work(self.choose) for port in self.ports])

    def place(self, address: int, size: int) -> None:
        host.bus.map_mmio(Hpa(address), size, self)
