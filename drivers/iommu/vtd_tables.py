"""What a VT-d unit reads in memory (VT-d 4.1, chapter 9 and 6.5.2): legacy mode, second-level tables, 4 KiB pages."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Hpa, HwEnum, Struct, at, bit, bits, fn, u8, u16, u32, u64

WIDTH_3_LEVELS = 1
WIDTH_4_LEVELS = 2


class VtdRootEntry(BitStruct, repr=u64):
    """Lower half (9.1): the context table of one bus. The upper half is 0."""

    present: bool = bit(0)
    frame: u64 = bits(12, 63)


class VtdContextLow(BitStruct, repr=u64):
    """Lower half of a context entry (9.3). The translation type stays 0: all requests are translated."""

    present: bool = bit(0)
    frame: u64 = bits(12, 63)  # of the page table's root


class VtdContextHigh(BitStruct, repr=u64):
    """Upper half."""

    width: u8 = bits(0, 2)  # levels, less 2
    domain: u16 = bits(8, 23)


class VtdPageEntry(BitStruct, repr=u64):
    """An entry of any level (9.8). Neither right: not present."""

    read: bool = bit(0)
    write: bool = bit(1)
    frame: u64 = bits(12, 51)


class VtdCommandKind(HwEnum, repr=u8):
    """Of a descriptor (6.5.2)."""

    CONTEXT_CACHE = 1
    IOTLB = 2
    WAIT = 5


class VtdGranularity(HwEnum, repr=u8):
    """How much is forgotten."""

    GLOBAL = 1
    DOMAIN = 2


class VtdInvalidation(BitStruct, repr=u64):
    """Lower half of the descriptors of kinds 1 and 2."""

    kind: VtdCommandKind = bits(0, 3)
    granularity: VtdGranularity = bits(4, 5)
    drain_writes: bool = bit(6)  # IOTLB only
    drain_reads: bool = bit(7)
    domain: u16 = bits(16, 31)


class VtdWait(BitStruct, repr=u64):
    """Lower half of kind 5: when all before it is done, `data` goes to the address in the upper half."""

    kind: VtdCommandKind = bits(0, 3)
    writes_status: bool = bit(5)
    fence: bool = bit(6)
    data: u32 = bits(32, 63)


class VtdDescriptor(Struct, size=16, align=16, shared=True):
    """One place in the invalidation queue."""

    low: Field[u64] = at(0)
    high: Field[u64] = at(8)


class VtdStatusWord(Struct, size=4, align=4, shared=True):
    """Where a wait descriptor writes."""

    value: Field[u32] = at(0)


@fn
def vtd_leaf(hpa: Hpa, writable: bool) -> u64:
    """The entry that lets a device reach the frame at `hpa` (below 2^52), under the same address."""
    return u64(VtdPageEntry(read=True, write=writable, frame=u64(hpa) >> 12))


@fn
def vtd_table_entry(table: Hpa) -> u64:
    """The entry that leads to the table of the next level."""
    return u64(VtdPageEntry(read=True, write=True, frame=u64(table) >> 12))
