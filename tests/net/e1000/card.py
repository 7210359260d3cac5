"""An e1000 in plain Python, by Intel's manuals: what it does with its registers, and which accesses it does not bear.

Every access of the driver is checked against what the manual allows at that moment; what it does not is Broken.
"""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import Hpa, host
from tests.net.e1000.contracts import Surroundings
from tests.net.e1000.receiving import Receiver
from tests.net.e1000.sending import Sender
from tests.pci.machine import Function, Region

BASE, PORT = 0xFEB0_0000, 0xC040
CTRL, STATUS, EECD, EERD, CTRL_EXT, MDIC = 0x0, 0x8, 0x10, 0x14, 0x18, 0x20
ICR, ITR, ICS, IMS, IMC, RCTL, TCTL, EXTCNF = 0xC0, 0xC4, 0xC8, 0xD0, 0xD8, 0x100, 0x400, 0xF00
TXDW, LSC, RXO, RXT0 = 1 << 0, 1 << 2, 1 << 6, 1 << 7
RST, SLU, NO_MASTER = 1 << 26, 1 << 6, 1 << 2
RDBAL, RDBAH, RDLEN, RDH, RDT = 0x2800, 0x2804, 0x2808, 0x2810, 0x2818
TDBAL, TDBAH, TDLEN, TDH, TDT = 0x3800, 0x3804, 0x3808, 0x3810, 0x3818
ENABLED = 1 << 1
MPC, RAL, RAH = 0x4010, 0x5400, 0x5404
PLAIN = {  # kept as they are written
    *(0x28, 0x2C, 0x30, 0x170, 0x2160, 0x2168),  # flow control
    *(ITR, CTRL_EXT, 0x410, 0x2820, 0x282C, 0x3820, 0x382C, 0x3828, 0x5000),
    *(0x5800, 0x5808, 0x5820),  # wake-up, management
    *range(0x5200, 0x5400, 4),
    *range(0x5400, 0x5480, 4),
}
EXPRESS_PLAIN = {0x3840, 0x5B00, 0x5B64, 0x5008, 0x5818, 0xE0}
QUEUES = {RDBAL, RDBAH, RDLEN, RDH, RDT, TDBAL, TDBAH, TDLEN, TDH, TDT}
EXPRESS = {0x10D3, 0x10F6, 0x150C}
ALL = 0xFFFF_FFFF


class Broken(AssertionError):
    """The driver has done what the manual does not allow."""


class Card:
    """`around` has the clock, and knows what memory the card may reach."""

    def __init__(self, around: Surroundings, device: int = 0x100E, mac: bytes = b"\x52\x54\0\x12\x34\x56") -> None:
        self.around = around
        self.express = device in EXPRESS
        self.function = Function(
            device << 16 | 0x8086, 0x020000, {0: Region(0, 0x20000, BASE), 2: Region(1, 0x40, PORT)}
        )
        if self.express:
            self.msi = self.function.add_capability(5, b"\x80" + bytes(11), b"\x01\0" + b"\xff" * 10)
        self.eeprom = [int.from_bytes(mac[i : i + 2], "little") for i in range(0, 6, 2)]
        self.has_eeprom = True
        self.loads_address = True  # from the EEPROM, at a reset
        self.negotiated = True  # a partner is there
        self.phy = 0x1140
        self.messages: list[int] = []
        self.last_interrupt = -(1 << 60)
        self.gone = False
        self.vanishes_after: int | None = None  # accesses
        self.hung = False  # it sends nothing
        self.never_resets = self.never_quiet = False
        self.ignores_reset = False  # as QEMU's does
        self.resets = 0
        self.accesses = 0
        self.noise: Callable[[], None] = lambda: None  # happens at each access
        self.regs: dict[int, int] = {}
        self.fresh_at = 0  # when it has read its EEPROM
        self.deaf_until = 0  # when it bears accesses again
        self.defaults()
        self.sender = Sender(self)
        self.receiver = Receiver(self)
        host.bus.map_mmio(Hpa(BASE), 0x20000, self)
        host.bus.map_ports(PORT, 0x40, Indirect(self))

    def defaults(self) -> None:
        """After power-up, and after a reset (14.2)."""
        self.regs = {register: 0 for register in PLAIN | QUEUES}
        if self.express:
            self.regs |= dict.fromkeys(EXPRESS_PLAIN, 0)
        self.regs |= {CTRL: 0x201, RCTL: 0, TCTL: 0, EECD: 0x100, EERD: 0, MDIC: 0, EXTCNF: 0, 0x3828: 0x10000}
        self.icr = self.ims = 0
        self.missed = 0
        self.was_asserted = False

    # ---- what the driver does ----

    def read(self, offset: int, width: int, /) -> int:
        if not self.reachable(offset, width):
            return ALL
        if self.around.now < self.fresh_at and offset not in (CTRL, STATUS, EECD, EXTCNF):
            raise Broken(f"register {offset:#x} is read before the EEPROM is")
        match offset:
            case 0x8:
                return self.status()
            case 0x10:
                return self.regs[EECD] | (self.express and self.around.now >= self.fresh_at) << 9
            case 0xC0:
                cause, self.icr = self.icr, 0
                self.signal()
                return cause | (cause & self.ims != 0 and self.express) << 31
            case 0xD0:
                return self.ims
            case 0x4010:
                missed, self.missed = self.missed, 0
                return missed
            case 0x0 if self.never_resets and self.resets:
                return self.regs[CTRL] | RST
        if offset in self.regs and offset not in (ICS, IMC):
            return self.regs[offset]
        raise Broken(f"a read of register {offset:#x}")

    def write(self, offset: int, width: int, value: int, /) -> None:
        if not self.reachable(offset, width):
            return
        if self.around.now < self.fresh_at and offset not in (CTRL, EXTCNF, IMC):
            raise Broken(f"register {offset:#x} is written before the EEPROM is read")
        match offset:
            case 0x0:
                self.control(value)
            case 0x14:
                self.read_eeprom(value)
            case 0x20:
                self.access_phy(value)
            case 0xD0:
                self.ims |= value
                self.signal()
            case 0xD8:
                self.ims &= ~value
                self.signal()
            case 0x100 | 0x400:
                self.regs[offset] = value
                self.sender.changed() if offset == TCTL else self.receiver.changed()
            case 0xF00 if self.express:
                self.regs[EXTCNF] = 0 if self.never_quiet else value & 0x20
            case _ if offset in QUEUES:
                self.queue(offset, value)
            case _ if offset in PLAIN or (self.express and offset in EXPRESS_PLAIN):
                self.regs[offset] = value
            case _:
                raise Broken(f"a write of register {offset:#x}")

    def reachable(self, offset: int, width: int) -> bool:
        """Checks, and what happens at any access."""
        if width != 4 or offset % 4:
            raise Broken(f"{width} bytes at {offset:#x}")
        self.accesses += 1
        if self.vanishes_after is not None and self.accesses > self.vanishes_after:
            self.vanish()
        if self.gone or not self.function.bytes[4] & 2:
            return False
        if self.around.now < self.deaf_until:
            raise Broken(f"register {offset:#x} is accessed within 1 us of a reset")
        self.noise()
        return True

    def vanish(self) -> None:
        self.gone = self.function.gone = True

    def control(self, value: int) -> None:
        self.regs[CTRL] = value & ~RST
        if value & RST:
            self.reset()

    def reset(self) -> None:
        """13.4.1: everything but the PHY and PCI's registers."""
        if (self.regs[RCTL] | self.regs[TCTL]) & ENABLED:
            raise Broken("a reset while the card receives or sends")
        if self.express and self.status() >> 19 & 1 and not self.never_quiet:
            raise Broken("a reset while requests are under way")
        self.resets += 1
        if not self.ignores_reset:
            self.defaults()
            self.sender.reset()
            self.deaf_until = self.around.now + 1000
            self.fresh_at = self.around.now + 4_000_000
        if self.loads_address and self.has_eeprom:
            self.regs[RAL] = self.eeprom[0] | self.eeprom[1] << 16
            self.regs[RAH] = self.eeprom[2] | 1 << 31

    def status(self) -> int:
        up = self.negotiated and self.regs[CTRL] & SLU != 0 and not self.phy & 0x800
        master = self.express and not (self.regs[CTRL] & NO_MASTER and not self.never_quiet)
        return 0x80 | up << 1 | 1 | master << 19

    def read_eeprom(self, value: int) -> None:
        """13.4.4, and 10.2.2.4 of the 82574's."""
        shift, done = (2, 2) if self.express else (8, 0x10)
        if not value & 1:
            raise Broken("EERD without START")
        word = value >> shift & 0xFF
        if self.has_eeprom:
            self.regs[EERD] = value & 0xFFFE & ~1 | done | self.eeprom[word] << 16

    def access_phy(self, value: int) -> None:
        if value >> 21 & 31 != 1:
            raise Broken("no PHY has this address")
        operation, register = value >> 26 & 3, value >> 16 & 31
        assert register == 0
        if operation == 1:
            self.phy = value & 0xFDFF
        self.regs[MDIC] = value & ~0xFFFF | self.phy | 1 << 28

    def queue(self, offset: int, value: int) -> None:
        """Of a queue that runs, only the tail may change."""
        control = RCTL if offset < 0x3000 else TCTL
        tail = offset in (RDT, TDT)
        if self.regs[control] & ENABLED and not tail:
            raise Broken(f"register {offset:#x} changes while its queue runs")
        if offset in (RDLEN, TDLEN) and (value % 128 or value == 0):
            raise Broken(f"a queue of {value} bytes")
        if offset in (RDBAL, TDBAL) and value % 16:
            raise Broken(f"a queue at {value:#x}")
        if tail and value >= self.regs[offset - 0x10] // 16:
            raise Broken(f"a tail of {value}")
        self.regs[offset] = value
        if offset == TDT and self.regs[TCTL] & ENABLED:
            self.sender.doorbell()
        if offset == RDT:
            self.receiver.tail_moved()

    # ---- what it does by itself ----

    def cause(self, bits: int) -> None:
        self.icr |= bits
        self.signal()

    def signal(self) -> None:
        """An interrupt is a change: a message goes out when causes begin to be asserted, as often as ITR allows."""
        asserted = self.asserted
        if asserted and not self.was_asserted and self.around.now - self.last_interrupt >= self.regs[ITR] * 256:
            self.last_interrupt = self.around.now
            self.was_asserted = True
            if self.express and self.function.get(self.msi + 2, 2) & 1 and self.masters:
                self.messages.append(self.function.get(self.msi + 12, 2))
        elif not asserted:
            self.was_asserted = False

    @property
    def asserted(self) -> bool:
        return self.icr & self.ims != 0

    @property
    def line(self) -> bool:
        """INTA#."""
        return self.asserted and not self.function.get(4, 2) & 0x400 and not self.gone

    @property
    def masters(self) -> bool:
        return bool(self.function.bytes[4] & 4) and not self.gone

    def set_link(self, up: bool) -> None:
        self.negotiated = up
        self.cause(LSC)

    def dma_read(self, hpa: int, size: int) -> bytes:
        if not self.around.holds(hpa, size):
            raise Broken(f"the card reads {size} bytes at {hpa:#x}")
        return host.memory.read(Hpa(hpa), size)

    def dma_write(self, hpa: int, data: bytes) -> None:
        if not self.around.holds(hpa, len(data)):
            raise Broken(f"the card writes {len(data)} bytes at {hpa:#x}")
        host.memory.write(Hpa(hpa), data)


class Indirect:
    """IOADDR and IODATA (13.2.2)."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.address = 0

    def read(self, offset: int, width: int, /) -> int:
        raise Broken("nobody needs to read here")

    def write(self, offset: int, width: int, value: int, /) -> None:
        assert width == 4 and offset in (0, 4)
        if not self.card.function.bytes[4] & 1:
            return
        if offset == 0:
            self.address = value
        else:
            self.card.write(self.address, 4, value)
