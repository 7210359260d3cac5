"""MSI-X (PCI 3.0, 6.8.2): its capability, and its table of messages, which lies in one of the function's BARs."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Struct, at, bit, bits, u8, u16, u32, u64


class MsixControl(BitStruct, repr=u16):
    """Message control (6.8.2.3)."""

    last: u16 = bits(0, 10)  # entries of the table, less one
    masked: bool = bit(14)  # the whole function
    enabled: bool = bit(15)


class MsixPlace(BitStruct, repr=u32):
    """Where table or pending bits lie (6.8.2.4, 6.8.2.5)."""

    bar: u8 = bits(0, 2)
    offset: u32 = bits(3, 31)  # in units of 8 bytes


class MsixCapability(Struct, size=12, align=4):
    """ID 11h."""

    id: Field[u8] = at(0)
    next: Field[u8] = at(1)
    control: Field[MsixControl] = at(2)
    table: Field[MsixPlace] = at(4)
    pending: Field[MsixPlace] = at(8)


class MsixEntry(Struct, size=16, align=8):
    """One vector of the table."""

    address: Field[u64] = at(0)
    data: Field[u32] = at(8)
    control: Field[u32] = at(12)  # bit 0: masked


MASKED = 1
