"""What an AMD-Vi unit reads and writes in memory (AMD IOMMU 3.05, sections 2.2, 2.4 and 2.5)."""

from __future__ import annotations

from codegen.lang import BitStruct, Field, Hpa, HwEnum, Struct, at, bit, bits, fn, u8, u16, u32, u64

LEVELS = 4  # of page tables: every unit has them
DEVICE_TABLE_BYTES = 2 << 20  # for all 65536 IDs
ALL_PAGES = 0x7FFF_FFFF_FFFF_F000  # with `several`: the whole domain (2.4.3)


class AmdviDeviceLow(BitStruct, repr=u64):
    """Word 0 of a device table entry (2.2.2.1). Not valid would mean: not translated."""

    valid: bool = bit(0)
    translated: bool = bit(1)
    levels: u8 = bits(9, 11)
    frame: u64 = bits(12, 51)  # of the page table's root
    read: bool = bit(61)
    write: bool = bit(62)


class AmdviDeviceDomain(BitStruct, repr=u64):
    """Word 1."""

    domain: u16 = bits(0, 15)
    system_messages: u8 = bits(40, 41)


class AmdviDeviceEntry(Struct, size=32, align=32, shared=True):
    """One device. Words 2 and 3: interrupts, not remapped yet."""

    low: Field[AmdviDeviceLow] = at(0)
    domain: Field[AmdviDeviceDomain] = at(8)
    interrupts: Field[u64] = at(16)
    reserved: Field[u64] = at(24)


class AmdviPageEntry(BitStruct, repr=u64):
    """An entry of any level (2.2.3). When it is not present, a unit ignores the rest."""

    present: bool = bit(0)
    next_level: u8 = bits(9, 11)  # 0: a page
    frame: u64 = bits(12, 51)
    coherent: bool = bit(60)
    read: bool = bit(61)
    write: bool = bit(62)


class AmdviCommandKind(HwEnum, repr=u8):
    """Table 24."""

    COMPLETION_WAIT = 1
    INVALIDATE_DEVICE = 2
    INVALIDATE_PAGES = 3
    INVALIDATE_ALL = 8


class AmdviCommand(BitStruct, repr=u64):
    """Word 0 of the commands of kinds 2, 3 and 8."""

    requester: u16 = bits(0, 15)
    domain: u16 = bits(32, 47)
    kind: AmdviCommandKind = bits(60, 63)


class AmdviPages(BitStruct, repr=u64):
    """Word 1 of kind 3, under an address in bits 63:12."""

    several: bool = bit(0)
    tables: bool = bit(1)  # entries of upper levels too


class AmdviWait(BitStruct, repr=u64):
    """Word 0 of kind 1: word 1 goes to the address when all before it is done."""

    store: bool = bit(0)
    address: u64 = bits(3, 51)  # in 8 bytes
    kind: AmdviCommandKind = bits(60, 63)


class AmdviRingEntry(Struct, size=16, align=16, shared=True):
    """One place of the command buffer or the event log."""

    low: Field[u64] = at(0)
    high: Field[u64] = at(8)


class AmdviEvent(BitStruct, repr=u64):
    """Word 0 of an event (2.5). `write` means something only when `present`."""

    requester: u16 = bits(0, 15)
    present: bool = bit(52)  # the page is there, but the right is not
    write: bool = bit(53)
    code: u8 = bits(60, 63)


class AmdviStatusWord(Struct, size=8, align=8, shared=True):
    """Where a COMPLETION_WAIT writes."""

    value: Field[u64] = at(0)


PAGE_FAULT = 2  # event code

# QEMU (7.2) logs no event when a walk ends at an entry of zero; the level is ignored where nothing is present.
EMPTY = 1 << 9


@fn
def amdvi_leaf(hpa: Hpa, writable: bool) -> u64:
    """The entry that lets a device reach the frame at `hpa` (below 2^52), under the same address."""
    return u64(AmdviPageEntry(present=True, frame=u64(hpa) >> 12, coherent=True, read=True, write=writable))


@fn
def amdvi_table_entry(table: Hpa, level: u32) -> u64:
    """The entry that leads to a table of `level` (1 to 3)."""
    return u64(AmdviPageEntry(present=True, next_level=u8(level), frame=u64(table) >> 12, read=True, write=True))
