"""A guest's disk. Its blocks lie in the machine's RAM, in a file of the boot archive that nobody writes, or on a disk
of the machine."""

from __future__ import annotations

from codegen.lang import Array, Field, Hva, Span, Struct, count, fn, span_at, u8, u32, u64, usize
from drivers.virtio.block import ID_BYTES, SECTOR
from hypervisor.devices.virtio.machine_disk import MachineDisk


class GuestDisk(Struct):
    """`bytes` is a multiple of `block`."""

    machine: MachineDisk
    base: Field[Hva]  # of blocks in RAM
    bytes: Field[u64]
    block: Field[u32]  # bytes, a power of two from SECTOR on
    read_only: Field[bool]
    serial: Array[u8] = count(ID_BYTES)


@fn
def disk_start(disk: GuestDisk, sector: u64, offset: u64, length: u64) -> u64 | None:
    """The first of `length` bytes from byte `offset` behind the beginning of a sector; None when they are not all on
    the disk, or it begins in the middle of a block."""
    if sector & (u64(disk.block) // SECTOR).wrapping_sub(1) != 0:
        return None
    sectors = disk.bytes // SECTOR
    if sector >= sectors or offset > disk.bytes - sector * SECTOR:
        return None
    start = sector * SECTOR + offset
    return None if length > disk.bytes - start else start


@fn
def disk_part(disk: GuestDisk, sector: u64, offset: u64, length: u64) -> Span | None:
    """These bytes, of a disk in RAM."""
    start = disk_start(disk, sector, offset, length)
    return None if start is None else span_at(disk.base + start, usize(length))
