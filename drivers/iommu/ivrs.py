"""ACPI table IVRS: AMD-Vi units, aliases of devices, memory that firmware reserves (AMD IOMMU 3.05, chapter 5)."""

from __future__ import annotations

from codegen.lang import Field, Hpa, HwEnum, Span, Struct, at, fn, len, u8, u16, u64, usize
from drivers.iommu.reported import leave_range_out, report_alias, report_passes, report_range, report_unit

IVRS_BYTES = 48  # 36 of the header, IVinfo, 8 reserved
IVHD_SHORT_BYTES = 24
IVHD_LONG_BYTES = 40
IVMD_BYTES = 32
LAST_REQUESTER = 0xFFFF


class BlockKind(HwEnum, repr=u8):
    """The blocks that we know; others are skipped by their length (5.2.2)."""

    UNIT_SHORT = 0x10  # IVHD
    UNIT_LONG = 0x11  # the same, more of its header
    UNIT_NAMED = 0x40  # with devices named by ACPI too
    MEMORY_OF_ALL = 0x20  # IVMD
    MEMORY_OF_ONE = 0x21
    MEMORY_OF_RANGE = 0x22


class Block(Struct, size=4, align=1):
    """The beginning of each."""

    kind: Field[u8] = at(0)
    flags: Field[u8] = at(1)
    length: Field[u16] = at(2)


class UnitBlock(Struct, size=IVHD_SHORT_BYTES, align=1):
    """IVHD (5.2.2.1), the part that all its kinds have. Device entries follow the longer headers."""

    flags: Field[u8] = at(1)
    base: Field[u64] = at(8)
    segment: Field[u16] = at(16)


class MemoryBlock(Struct, size=IVMD_BYTES, align=1):
    """IVMD (5.2.2.3)."""

    requester: Field[u16] = at(4)
    base: Field[u64] = at(16)
    bytes: Field[u64] = at(24)


class EntryKind(HwEnum, repr=u8):
    """Device entries (tables 76 to 82). 00h to 3Fh have 4 bytes, 40h to 7Fh 8, then 16 and 32; F0h says its own."""

    ALL = 1
    SELECT = 2
    RANGE_START = 3
    RANGE_END = 4
    ALIAS_SELECT = 0x42
    ALIAS_RANGE_START = 0x43
    EXTENDED_SELECT = 0x46
    EXTENDED_RANGE_START = 0x47
    SPECIAL = 0x48  # an I/O APIC or HPET
    NAMED = 0xF0


class DeviceEntry(Struct, size=4, align=1):
    """The beginning of each."""

    kind: Field[u8] = at(0)
    requester: Field[u16] = at(1)
    setting: Field[u8] = at(3)  # messages that the device may send (table 77)


class AliasEntry(Struct, size=8, align=1):
    """42h, 43h and 48h: another ID beside the first one."""

    source: Field[u16] = at(5)


class NamedEntry(Struct, size=22, align=1):
    """F0h: a name of variable length at the end."""

    name_bytes: Field[u8] = at(21)


class OpenRange(Struct):
    """A range whose end has not come yet."""

    kind: Field[u8]  # 0: none
    first: Field[u16]
    setting: Field[u8]
    source: Field[u16]


@fn(cold=True)
def ivrs_read(table: Span, open_range: OpenRange) -> None:
    """All blocks; one that is too short, or runs over the end, ends the table. `open_range` is scratch."""
    offset = usize(IVRS_BYTES)
    while True:
        head = table.view(offset, Block)
        if head is None or head.length < 4 or usize(head.length) > len(table) - offset:
            return
        open_range.zero()
        read_block(head.kind, table.slice(offset, usize(head.length)), open_range)
        offset += usize(head.length)


@fn(cold=True)
def read_block(number: u8, content: Span, open_range: OpenRange) -> None:
    """By its kind."""
    kind = BlockKind.find(number)
    if kind is None:
        return
    match kind:
        case BlockKind.UNIT_SHORT:
            read_unit(content, usize(IVHD_SHORT_BYTES), open_range)
        case BlockKind.UNIT_LONG | BlockKind.UNIT_NAMED:
            read_unit(content, usize(IVHD_LONG_BYTES), open_range)
        case BlockKind.MEMORY_OF_ONE:
            memory = content.view(0, MemoryBlock)
            if memory is not None:
                end = memory.base.checked_add(memory.bytes)
                report_range(memory.requester, memory.base, u64(0) if end is None else end)
        case BlockKind.MEMORY_OF_ALL | BlockKind.MEMORY_OF_RANGE:
            leave_range_out()  # a window for devices that nobody drives


@fn(cold=True)
def read_unit(content: Span, header_bytes: usize, open_range: OpenRange) -> None:
    """A unit, and of segment 0 its device entries."""
    unit = content.view(0, UnitBlock)
    if unit is None or len(content) < header_bytes:
        return
    report_unit(Hpa(unit.base), unit.segment, unit.flags)
    if unit.segment != 0:
        return
    offset = header_bytes
    while True:
        entry = content.view(offset, DeviceEntry)
        if entry is None:
            return
        length = entry_bytes(content, offset, entry.kind)
        if length > len(content) - offset:
            return
        read_entry(entry, content.slice(offset, length), open_range)
        offset += length


@fn(cold=True)
def entry_bytes(content: Span, offset: usize, kind: u8) -> usize:
    """Its length, which its kind tells. More than there can be when it is cut off."""
    if kind == u8(EntryKind.NAMED):
        named = content.view(offset, NamedEntry)
        return usize(0x1_0000) if named is None else usize(named.name_bytes) + 22
    return usize(4) << (kind >> 6)


@fn(cold=True)
def read_entry(entry: DeviceEntry, content: Span, open_range: OpenRange) -> None:
    """One device, or an end of a range of them."""
    kind = EntryKind.find(entry.kind)
    if kind is None:
        return
    requester = entry.requester
    alias = content.view(0, AliasEntry)
    match kind:
        case EntryKind.ALL:
            report_passes(u16(0), u16(LAST_REQUESTER), entry.setting)
        case EntryKind.SELECT | EntryKind.EXTENDED_SELECT | EntryKind.NAMED:
            report_passes(requester, requester, entry.setting)
        case EntryKind.ALIAS_SELECT:
            if alias is not None:
                report_alias(requester, requester, alias.source)
                report_passes(alias.source, alias.source, entry.setting)
        case EntryKind.SPECIAL:
            if alias is not None:
                report_passes(alias.source, alias.source, entry.setting)
        case EntryKind.RANGE_START | EntryKind.EXTENDED_RANGE_START | EntryKind.ALIAS_RANGE_START:
            open_range.kind = entry.kind
            open_range.first = requester
            open_range.setting = entry.setting
            open_range.source = requester if alias is None else alias.source
        case EntryKind.RANGE_END:
            close_range(open_range, requester)


@fn(cold=True)
def close_range(open_range: OpenRange, last: u16) -> None:
    """What its start said holds for all up to `last`."""
    if open_range.kind == u8(EntryKind.ALIAS_RANGE_START):
        report_alias(open_range.first, last, open_range.source)
        report_passes(open_range.source, open_range.source, open_range.setting)
    elif open_range.kind != 0:
        report_passes(open_range.first, last, open_range.setting)
    open_range.zero()
