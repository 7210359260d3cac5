"""The header of configuration space (PCI 3.0, 6.1 and 6.2; PCI-to-PCI Bridge Architecture 1.2, 3.2). The blocks name
registers: functions are reached by `drivers.pci.config`, and a guest's model serves the same layout."""

from __future__ import annotations

from codegen.lang import RO, BitStruct, MmioBlock, Reg, RegArray, at, bit, bits, u8, u16, u32

NO_VENDOR = 0xFFFF


class Command(BitStruct, repr=u16):
    """What a function may do (6.2.2)."""

    io: bool = bit(0)  # answers at its I/O ports
    memory: bool = bit(1)  # answers at its memory
    bus_master: bool = bit(2)  # reads and writes RAM, and sends MSIs
    parity: bool = bit(6)
    system_error: bool = bit(8)
    interrupt_off: bool = bit(10)  # INTx is not asserted


class Status(BitStruct, repr=u16):
    """6.2.3. Error bits are cleared by writing ones: the register is never written along with the command."""

    interrupt: bool = bit(3)
    capabilities: bool = bit(4)  # the list exists


class HeaderType(BitStruct, repr=u8):
    """6.2.1."""

    layout: u8 = bits(0, 6)
    multifunction: bool = bit(7)  # functions 1 to 7 may exist; of function 0 alone


LAYOUT_DEVICE = 0
LAYOUT_BRIDGE = 1  # PCI-to-PCI


class ClassRevision(BitStruct, repr=u32):
    """The dword at 08h."""

    revision: u8 = bits(0, 7)
    interface: u8 = bits(8, 15)
    code: u16 = bits(16, 31)  # base class in the upper byte, subclass in the lower


class Header(MmioBlock, size=64):
    """What every function has, and a device's own registers (layout 0)."""

    vendor: Reg[u16] = at(0x00, access=RO)
    device: Reg[u16] = at(0x02, access=RO)
    command: Reg[Command] = at(0x04)
    status: Reg[Status] = at(0x06)
    class_revision: Reg[ClassRevision] = at(0x08, access=RO)
    header_type: Reg[HeaderType] = at(0x0E, access=RO)
    bars: RegArray[u32] = at(0x10, count=6)
    subsystem_vendor: Reg[u16] = at(0x2C, access=RO)
    subsystem: Reg[u16] = at(0x2E, access=RO)
    capabilities: Reg[u8] = at(0x34, access=RO)  # the first one's register
    interrupt_line: Reg[u8] = at(0x3C)  # what firmware has noted
    interrupt_pin: Reg[u8] = at(0x3D, access=RO)  # 1 to 4: INTA to INTD


class BridgeHeader(MmioBlock, size=64):
    """The registers of a PCI-to-PCI bridge that differ (layout 1)."""

    bars: RegArray[u32] = at(0x10, count=2)
    primary: Reg[u8] = at(0x18)
    secondary: Reg[u8] = at(0x19)  # the bus behind it
    subordinate: Reg[u8] = at(0x1A)  # the last bus behind it


class Bar(BitStruct, repr=u32):
    """The low bits of a base address register (6.2.5.1), of memory unless `io`."""

    io: bool = bit(0)
    kind: u8 = bits(1, 2)
    prefetchable: bool = bit(3)


BAR_32_BITS = 0
BAR_BELOW_1M = 1  # PCI 2.1; a 32-bit BAR since
BAR_64_BITS = 2
