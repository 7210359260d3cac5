"""Guest segment registers in one form; the back ends convert to VMCS access rights and VMCB attributes."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, HwEnum, Struct, bit, bits, u8, u16, u32, u64


class SegmentName(HwEnum, repr=u32):
    """In the order of the VMCS encodings (SDM App. B): field = first + 2 * name."""

    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5
    LDTR = 6
    TR = 7
    GDTR = 8  # base and limit only
    IDTR = 9


class SegmentRights(BitStruct, repr=u32):
    """SDM vol. 3C, table 25-2 (access rights)."""

    type: u8 = bits(0, 3)
    is_code_or_data: bool = bit(4)
    dpl: u8 = bits(5, 6)
    present: bool = bit(7)
    available: bool = bit(12)
    long: bool = bit(13)
    default_32: bool = bit(14)
    granularity: bool = bit(15)
    unusable: bool = bit(16)


class Segment(Struct):
    """One segment register with its hidden part."""

    base: Field[u64]
    limit: Field[u32]  # bytes - 1, granularity applied
    rights: Field[SegmentRights]
    selector: Field[u16]
