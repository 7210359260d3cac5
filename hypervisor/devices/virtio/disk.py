"""A disk whose blocks lie in the machine's RAM, or in a file of the boot archive that nobody writes."""

from __future__ import annotations

from codegen.lang import Array, Field, Hva, Span, Struct, count, fn, span_at, u8, u64, usize
from drivers.virtio.block import ID_BYTES, SECTOR


class RamDisk(Struct):
    """`bytes` is a multiple of a sector."""

    base: Field[Hva]
    bytes: Field[u64]
    read_only: Field[bool]
    serial: Array[u8] = count(ID_BYTES)


@fn
def disk_part(disk: RamDisk, sector: u64, offset: u64, length: u64) -> Span | None:
    """`length` bytes from byte `offset` behind the beginning of a sector; None when they are not all on the disk."""
    sectors = disk.bytes // SECTOR
    if sector >= sectors or offset > disk.bytes - sector * SECTOR:
        return None
    start = sector * SECTOR + offset
    if length > disk.bytes - start:
        return None
    return span_at(disk.base + start, usize(length))
