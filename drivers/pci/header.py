"""Configuration space as every function has it (PCI 3.0, chapter 6): the header of type 0, and capabilities."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Struct, at, bit, u8, u16, u32

CAPABILITY_MSIX, CAPABILITY_VENDOR = 0x11, 0x09


class PciCommand(BitStruct, repr=u16):
    """6.2.2."""

    io: bool = bit(0)
    memory: bool = bit(1)
    bus_master: bool = bit(2)
    no_intx: bool = bit(10)


class PciStatus(BitStruct, repr=u16):
    """6.2.3."""

    interrupt: bool = bit(3)  # INTx is asserted, or would be
    capabilities: bool = bit(4)


class Type0Header(Struct, size=64, align=4):
    """6.1."""

    vendor: Field[u16] = at(0)
    device: Field[u16] = at(2)
    command: Field[PciCommand] = at(4)
    status: Field[PciStatus] = at(6)
    revision: Field[u8] = at(8)
    interface: Field[u8] = at(9)
    subclass: Field[u8] = at(10)
    base_class: Field[u8] = at(11)
    bars: Array[u32] = at(16, count=6)
    subsystem_vendor: Field[u16] = at(44)
    subsystem: Field[u16] = at(46)
    capabilities: Field[u8] = at(52)
    interrupt_line: Field[u8] = at(60)
    interrupt_pin: Field[u8] = at(61)  # 1: INTA#
