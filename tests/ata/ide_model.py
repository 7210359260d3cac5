"""A channel of an IDE controller with bus master, and its two drives, as seen through the ports (ATA/ATAPI-7, volume 2;
Bus Master IDE 1.0). It raises Broken where the driver does what is not defined there."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.lang import host
from tests.ata.disk_model import DiskModel, MediaError
from tests.ata.services import MS, Broken, Services

BSY, DRDY, DF, DRQ, ERR = 0x80, 0x40, 0x20, 0x08, 0x01
ACTIVE, FAILED, INTERRUPT = 1, 2, 4
STALE_READS = 3  # a status is stale for 400 ns after a selection or command
DMA = {0xC8: (False, "write"), 0xCA: (False, "read"), 0x25: (True, "write"), 0x35: (True, "read"), 0x06: (True, "read")}


class Atapi:
    """A drive that is none of ours: it knows IDENTIFY DEVICE, as all do, and aborts it."""

    recovery = 3 * MS


@dataclass
class Behaviour:
    """What a test makes a drive do."""

    hangs: bool = False  # commands are never finished
    dead: bool = False  # nor does a reset help
    never_ready: bool = False  # busy between commands
    short: int = 0  # bytes that it does not transfer
    crc: bool = False
    recovery: int = 3 * MS
    silent: bool = False  # no interrupt


@dataclass
class Drive:
    disk: DiskModel
    how: Behaviour = field(default_factory=Behaviour)


Place = Drive | Atapi | None


class Channel:
    def __init__(self, services: Services, drives: tuple[Place, Place], floating: int = 0xFF, simplex: bool = False):
        self.services = services
        self.drives = drives
        self.floating = floating
        self.registers = [[1, 1, 0, 0] for _ in range(2)]  # count, lba low, mid, high
        self.high = [[0, 0, 0, 0] for _ in range(2)]
        self.features = [0, 0]
        self.error = [1, 1]
        self.status = [DRDY if isinstance(each, Drive) else 0 for each in drives]
        self.device = 0xA0
        self.shown = 0
        self.stale = 0
        self.control = 0
        self.line = [False, False]
        self.pio = b""
        self.command: int | None = None
        self.at_work = 0
        self.reset_since = self.ready_at = self.quiet_until = 0
        self.commands: list[tuple[int, int]] = []
        # the bus master
        self.master_command = 0
        self.master_status = 0x60 | (0x80 if simplex else 0)
        self.table = 0
        self.gone = False

    def place(self, command_port: int, control_port: int, master_port: int) -> None:
        host.bus.map_ports(command_port, 8, CommandPorts(self))
        host.bus.map_ports(control_port, 1, ControlPort(self))
        host.bus.map_ports(master_port, 8, MasterPorts(self))

    # ---- who answers ----

    @property
    def selected(self) -> int:
        return self.device >> 4 & 1

    @property
    def drive(self) -> Place:
        return self.drives[self.selected]

    @property
    def empty(self) -> bool:
        return self.drives == (None, None)

    @property
    def answering(self) -> int:
        """The drive whose registers are seen."""
        return self.selected if self.drive is not None else 1 - self.selected

    def current_status(self) -> int:
        if self.services.time < self.quiet_until:
            raise Broken("a look at the status within 2 ms after a reset")
        if self.empty:
            return self.floating
        if self.control & 4 or self.services.time < self.ready_at or self.is_dead():
            return BSY
        if self.drive is None:
            return 0
        status = self.status[self.selected]
        if isinstance(self.drive, Drive) and self.drive.how.never_ready and self.command is None:
            return BSY
        return status

    def is_dead(self) -> bool:
        return isinstance(self.drive, Drive) and self.drive.how.dead and self.reset_since != 0

    def look(self) -> int:
        if self.gone:
            return 0xFF
        status = self.current_status()
        if self.stale > 0:
            self.stale -= 1
            return self.shown
        self.shown = status
        return status

    # ---- the task file ----

    def read_task(self, offset: int, width: int) -> int:
        if offset == 0:
            assert width == 2
            if not self.status[self.selected] & DRQ:
                raise Broken("data that nobody offers")
            word, self.pio = int.from_bytes(self.pio[:2], "little"), self.pio[2:]
            if not self.pio:
                self.status[self.selected] = DRDY
            return word
        assert width == 1
        if self.gone:
            return 0xFF
        if offset == 7:
            status = self.look()
            self.line[self.answering] = False
            return status
        if self.empty:
            return self.floating
        if self.current_status() & BSY:
            return 0x80
        if offset == 6:
            return self.device
        answering = self.answering
        return self.error[answering] if offset == 1 else self.registers[answering][offset - 2]

    def write_task(self, offset: int, width: int, value: int) -> None:
        assert width == 1 and offset != 0
        if self.gone or self.empty:
            return
        if offset == 6:
            if self.command is not None and not self.control & 4:
                raise Broken("a selection while a command is under way")
            self.device = value
            self.stale = STALE_READS
            return
        if self.current_status() & (BSY | DRQ):
            raise Broken(f"task file register {offset} is written while the drive is busy")
        if offset == 7:
            self.start(value)
        elif offset == 1:
            self.features = [self.features[1], value]
        else:
            for number in range(2):
                self.high[number][offset - 2] = self.registers[number][offset - 2]
                self.registers[number][offset - 2] = value

    def start(self, command: int) -> None:
        drive, number = self.drive, self.selected
        self.commands.append((number, command))
        if drive is None:
            self.stale = STALE_READS
            return
        self.line[number] = False
        if isinstance(drive, Atapi):
            if command != 0xEC:
                raise Broken("an ATAPI drive is disturbed")
            self.registers[number] = [1, 1, 0x14, 0xEB]
            self.finish(number, ERR, 4)
            self.stale = STALE_READS
        elif command == 0xEC:
            self.stale = STALE_READS
            self.pio = drive.disk.identify()
            self.status[number] = DRDY | DRQ
            self.interrupt(number)
        elif command == 0xEF:
            known = self.features[1] == 3 and self.registers[number][0] == 0x20
            self.finish(number, 0 if known else ERR, 0 if known else 4)
            self.stale = STALE_READS
        elif command in (*DMA, 0xE7, 0xEA):
            wide = DMA[command][0] if command in DMA else command == 0xEA
            if wide and not drive.disk.wide or command == 0x06 and not (drive.disk.trim and self.features[1] == 1):
                raise Broken(f"command {command:#x} of a drive without it")
            if command != 0x06 and not self.device & 0x40:
                raise Broken("no LBA")
            self.command, self.at_work = command, number
            self.stale = STALE_READS
            self.status[number] = BSY
        else:
            raise Broken(f"command {command:#x}")

    def finish(self, number: int, status: int, error: int = 0) -> None:
        self.command = None
        self.stale = 0  # more than 400 ns have passed
        self.status[number] = DRDY | status
        self.error[number] = error
        self.interrupt(number)

    def interrupt(self, number: int) -> None:
        drive = self.drives[number]
        if not self.line[number] and not self.control & 2 and not (isinstance(drive, Drive) and drive.how.silent):
            self.master_status |= INTERRUPT
            self.line[number] = True

    def write_control(self, value: int) -> None:
        if value & ~6:
            raise Broken(f"device control {value:#x}")
        if value & 4 and not self.control & 4:
            if self.master_status & ACTIVE:
                raise Broken("a reset under DMA")
            self.reset_since = self.services.time
        if self.control & 4 and not value & 4:
            if self.services.time - self.reset_since < 5_000:
                raise Broken("a short reset")
            self.come_up()
        self.control = value

    def come_up(self) -> None:
        self.command = None
        self.device = 0
        self.line = [False, False]
        times = [each.how.recovery if isinstance(each, Drive) else 0 for each in self.drives]
        self.quiet_until = self.services.time + 2 * MS
        self.ready_at = self.services.time + max(times)
        for number, drive in enumerate(self.drives):
            if isinstance(drive, Drive):
                self.registers[number] = [1, 1, 0, 0]
                self.status[number] = DRDY
            else:
                self.registers[number] = [1, 1, 0x14, 0xEB]
                self.status[number] = 0

    # ---- the bus master ----

    def read_master(self, offset: int, width: int) -> int:
        if self.gone:
            return (1 << 8 * width) - 1
        match offset, width:
            case 0, 1:
                return self.master_command
            case 2, 1:
                return self.master_status
        raise Broken(f"a read of the bus master's register {offset}")

    def write_master(self, offset: int, width: int, value: int) -> None:
        if self.gone:
            return
        if offset == 0:
            if value & ~9:
                raise Broken(f"bus master command {value:#x}")
            if value & 1 and not self.master_command & 1:
                if self.command is None or self.command not in DMA:
                    raise Broken("DMA without a command")
                if self.master_status & (INTERRUPT | FAILED):
                    raise Broken("DMA starts with an answer of before")
                self.master_status |= ACTIVE
            elif value & 1:
                raise Broken("started twice")
            elif not self.is_stuck:
                self.master_status &= ~ACTIVE
            self.master_command = value
        elif offset == 2:
            self.master_status &= ~(value & 6)
            self.master_status = self.master_status & ~0x60 | value & 0x60
        elif offset == 4 and width == 4:
            if self.master_status & ACTIVE or value % 4:
                raise Broken("the table moves under DMA, or is not aligned")
            self.table = value
        else:
            raise Broken(f"a write of the bus master's register {offset}")

    is_stuck = False  # does not stop when told

    # ---- work ----

    def work(self) -> bool:
        """Finish the command that is under way, if it can be."""
        number = self.at_work
        drive = self.drives[number]
        if self.command is None or not isinstance(drive, Drive) or drive.how.hangs or self.gone:
            return False
        if self.command in (0xE7, 0xEA):
            drive.disk.flush()
            self.finish(number, 0)
            return True
        if not self.master_status & ACTIVE:
            return False
        wide, act = DMA[self.command]
        if (act == "write") != bool(self.master_command & 8):
            raise Broken("the direction of the bus master is wrong")
        regions = self.regions()
        try:
            finished = self.transfer(drive, wide, act, regions)
        except MediaError:
            self.finish(number, ERR, 0x40)
            return True
        if finished:
            crc = drive.how.crc
            self.finish(number, ERR if crc else 0, 0x84 if crc else 0)
        return True

    def transfer(self, drive: Drive, wide: bool, act: str, regions: list[tuple[int, int]]) -> bool:
        number, disk = self.at_work, drive.disk
        count, low, mid, high = self.registers[number]
        if wide:
            high_count, *above = self.high[number]
            count = (count | high_count << 8) or 0x1_0000
            lba = low | mid << 8 | high << 16 | above[0] << 24 | above[1] << 32 | above[2] << 40
        else:
            count = count or 256
            lba = low | mid << 8 | high << 16 | (self.device & 0xF) << 24
        total = sum(length for _, length in regions)
        wanted = 512 * count if self.command == 0x06 else disk.block * count
        if total < wanted:
            raise Broken("the table is shorter than the transfer")
        if act == "write":
            data = disk.read(lba, count)[: wanted - drive.how.short]
            for address, length in regions:
                self.services.dma_write(address, data[:length])
                data = data[length:]
        else:
            data = b"".join(self.services.dma_read(address, length) for address, length in regions)[:wanted]
            if self.command == 0x06:
                disk.discard(data)
            elif not drive.how.short:
                disk.write(lba, data)
        if total == wanted - drive.how.short:
            self.master_status &= ~ACTIVE
        return True

    def regions(self) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        place = self.table
        while True:
            if place // 0x1_0000 != self.table // 0x1_0000:
                raise Broken("the table crosses 64 KiB")
            entry = self.services.dma_read(place, 8)
            address, length = int.from_bytes(entry[:4], "little"), int.from_bytes(entry[4:6], "little") or 0x1_0000
            if address % 2 or length % 2 or address // 0x1_0000 != (address + length - 1) // 0x1_0000:
                raise Broken(f"a region of {length:#x} bytes at {address:#x}")
            found.append((address, length))
            if entry[7] & 0x80:
                return found
            place += 8


class CommandPorts:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def read(self, offset: int, width: int, /) -> int:
        return self.channel.read_task(offset, width)

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.channel.write_task(offset, width, value)


class ControlPort:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def read(self, offset: int, width: int, /) -> int:
        return self.channel.look()

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.channel.write_control(value)


class MasterPorts:
    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    def read(self, offset: int, width: int, /) -> int:
        return self.channel.read_master(offset, width)

    def write(self, offset: int, width: int, value: int, /) -> None:
        self.channel.write_master(offset, width, value)
