"""Registers of the I/O APIC (82093AA datasheet, section 3; EOI register of version 20H): an index and a data window."""

from __future__ import annotations

from codegen.lang import WO, BitStruct, MmioBlock, Reg, at, bit, bits, u8, u32, u64
from drivers.interrupt.lapic import DeliveryMode

IOAPIC_BASE = 0xFEC0_0000

# Behind the window: a register number goes to `select`, then `data` is that register.
REGISTER_ID = 0x00
REGISTER_VERSION = 0x01
REGISTER_ARBITRATION = 0x02
REGISTER_REDIRECTION = 0x10  # two for each pin: low half, high half


class IoApicRegisters(MmioBlock, size=0x1000):
    """The window. All accesses are 32 bits wide."""

    select: Reg[u32] = at(0x00)
    data: Reg[u32] = at(0x10)
    eoi: Reg[u32] = at(0x40, access=WO)


class IoApicVersion(BitStruct, repr=u32):
    """IOAPICVER."""

    version: u8 = bits(0, 7)
    last_pin: u8 = bits(16, 23)


class Redirection(BitStruct, repr=u64):
    """One redirection table entry (section 3.2.4)."""

    vector: u8 = bits(0, 7)
    delivery: DeliveryMode = bits(8, 10)
    logical: bool = bit(11)
    pending: bool = bit(12)  # read-only
    active_low: bool = bit(13)
    remote_irr: bool = bit(14)  # read-only
    level: bool = bit(15)
    masked: bool = bit(16)
    destination: u8 = bits(56, 63)
