"""ISO 9660: where a file of the boot medium lies (ECMA-119, sections 8.4 and 9.1). No sizes are believed unchecked."""

from __future__ import annotations

from boot.load.firmware import read_medium
from codegen.lang import (
    Array,
    Field,
    HwEnum,
    Span,
    Struct,
    at,
    fn,
    len,
    min,
    range,
    span,
    span_of,
    storage,
    u8,
    u32,
    u64,
    usize,
)

SECTOR = 2048
VOLUME_DESCRIPTOR = 16 * SECTOR
DIRECTORY_SECTORS_MAX = 16
PRIMARY = 1
STANDARD = span(b"CD001")
MULTI_EXTENT = 0x80


class MediumError(HwEnum, repr=u32):
    """Why a file cannot be had."""

    UNREADABLE = 1
    NOT_ISO_9660 = 2
    NOT_FOUND = 3
    DAMAGED = 4


class DirectoryRecord(Struct, size=33, align=1):
    """The fixed part; the name follows."""

    length: Field[u8] = at(0)
    extent: Field[u32] = at(2)  # in sectors; the little-endian half of a both-endian number
    data_length: Field[u32] = at(10)  # bytes
    flags: Field[u8] = at(25)
    name_length: Field[u8] = at(32)


class VolumeDescriptor(Struct, size=SECTOR, align=1):
    """The primary one, at sector 16."""

    kind: Field[u8] = at(0)
    standard: Array[u8] = at(1, count=5)  # "CD001"
    volume_id: Array[u8] = at(40, count=32)
    volume_sectors: Field[u32] = at(80)
    root: DirectoryRecord = at(156)


class SectorBuffer(Struct, size=SECTOR, align=16):
    bytes: Array[u8] = at(0, count=SECTOR)


class Extent(Struct):
    """A run of bytes on the medium."""

    offset: Field[u64]
    size: Field[u64]


BUFFER = storage(SectorBuffer)
VOLUME = storage(VolumeDescriptor)


@fn
def open_volume(root: Extent) -> MediumError | None:
    """Read the volume descriptor; `root` becomes the root directory."""
    if not read_medium(u64(VOLUME_DESCRIPTOR), span_of(VOLUME)):
        return MediumError.UNREADABLE
    if VOLUME.kind != PRIMARY or not span_of(VOLUME).slice(usize(1), usize(5)).equals(STANDARD):
        return MediumError.NOT_ISO_9660
    return set_extent(root, VOLUME.root.extent, VOLUME.root.data_length)


@fn
def find_file(directory: Extent, name: Span, found: Extent) -> MediumError | None:
    """Look `name` (with its version, "NAME.EXT;1"; directories have none) up in one directory."""
    sectors = (directory.size + (SECTOR - 1)) >> 11
    for i in range(min(usize(sectors), usize(DIRECTORY_SECTORS_MAX))):
        if not read_medium(directory.offset + u64(i) * SECTOR, span_of(BUFFER)):
            return MediumError.UNREADABLE
        record = find_in_sector(span_of(BUFFER), name)
        if record is not None:
            if record.flags & MULTI_EXTENT != 0:
                return MediumError.DAMAGED
            return set_extent(found, record.extent, record.data_length)
    return MediumError.NOT_FOUND


@fn
def find_in_sector(sector: Span, name: Span) -> DirectoryRecord | None:
    """Records do not cross sectors; a length of 0 ends the sector."""
    offset = usize(0)
    while offset < len(sector):
        record = sector.view(offset, DirectoryRecord)
        if record is None:
            return None
        length = usize(record.length)
        name_length = usize(record.name_length)
        if length < 33 or name_length > length - 33 or length > len(sector) - offset:
            return None
        if name_length == len(name) and sector.slice(offset + 33, name_length).equals(name):
            return record
        offset += length
    return None


@fn
def set_extent(found: Extent, sector: u32, size: u32) -> MediumError | None:
    """Refuse what lies outside the volume."""
    volume = u64(VOLUME.volume_sectors) * SECTOR
    found.offset = u64(sector) * SECTOR
    found.size = u64(size)
    if found.offset + found.size > volume:
        return MediumError.DAMAGED
    return None
