"""The header of configuration space (PCI 3.0, 6.1 and 6.2; PCI-to-PCI Bridge Architecture 1.2, 3.2), and the kinds of
capabilities behind it. Functions of the machine are read register by register (config.py), those of guests are made so.
"""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, HwEnum, Struct, at, bit, bits, u8, u16, u32

NO_VENDOR = 0xFFFF


class PciCommand(BitStruct, repr=u16):
    """What a function may do (6.2.2)."""

    io: bool = bit(0)  # answers at its I/O ports
    memory: bool = bit(1)  # answers at its memory
    bus_master: bool = bit(2)  # reads and writes RAM, and sends MSIs
    no_intx: bool = bit(10)


class PciStatus(BitStruct, repr=u16):
    """6.2.3. Error bits are cleared by writing ones: the register is never written along with the command."""

    interrupt: bool = bit(3)  # INTx is asserted, or would be
    capabilities: bool = bit(4)  # the list exists


class HeaderType(BitStruct, repr=u8):
    """6.2.1."""

    layout: u8 = bits(0, 6)
    multifunction: bool = bit(7)  # functions 1 to 7 may exist; of function 0 alone


LAYOUT_DEVICE = 0
LAYOUT_BRIDGE = 1  # PCI-to-PCI


class Type0Header(Struct, size=64, align=4):
    """What every function has, and a device's own registers (layout 0)."""

    vendor: Field[u16] = at(0)
    device: Field[u16] = at(2)
    command: Field[PciCommand] = at(4)
    status: Field[PciStatus] = at(6)
    revision: Field[u8] = at(8)
    interface: Field[u8] = at(9)
    subclass: Field[u8] = at(10)
    base_class: Field[u8] = at(11)
    header_type: Field[HeaderType] = at(14)
    bars: Array[u32] = at(16, count=6)
    subsystem_vendor: Field[u16] = at(44)
    subsystem: Field[u16] = at(46)
    capabilities: Field[u8] = at(52)  # the first one's register
    interrupt_line: Field[u8] = at(60)  # what firmware has noted
    interrupt_pin: Field[u8] = at(61)  # 1 to 4: INTA# to INTD#


class Type1Header(Struct, size=64, align=4):
    """The registers of a PCI-to-PCI bridge that differ (layout 1)."""

    bars: Array[u32] = at(16, count=2)
    primary: Field[u8] = at(24)
    secondary: Field[u8] = at(25)  # the bus behind it
    subordinate: Field[u8] = at(26)  # the last bus behind it


class Bar(BitStruct, repr=u32):
    """The low bits of a base address register (6.2.5.1), of memory unless `io`."""

    io: bool = bit(0)
    kind: u8 = bits(1, 2)
    prefetchable: bool = bit(3)


BAR_64_BITS = 2


class CapabilityId(HwEnum, repr=u8):
    """Those that we look for or show (PCI Code and ID Assignment 1.11, chapter 2)."""

    MSI = 0x05
    VENDOR = 0x09
    PCI_EXPRESS = 0x10
    MSIX = 0x11
