"""What DATA SET MANAGEMENT takes for TRIM: a block of 512 bytes with ranges of sectors (ACS-2, 7.5.3.2)."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Hpa, Struct, at, bits, fn, min, phys, range, u16, u64
from drivers.storage.command import SECTOR, BlockCommand

RANGES = 64
RANGE_SECTORS = 0xFFFF
TRIM_BYTES = 512


class TrimRange(BitStruct, repr=u64):
    """`sectors` 0: the entry is not used."""

    first: u64 = bits(0, 47)
    sectors: u16 = bits(48, 63)


class TrimBlock(Struct, size=512, shared=True):
    """As the disk reads it."""

    ranges: Array[TrimRange] = at(0, count=RANGES)


class TrimProgress(Struct):
    """A DISCARD takes as many commands as it needs, one after another."""

    next: Field[u64]  # logical sectors
    left: Field[u64]


@fn
def trim_begin(progress: TrimProgress, command: BlockCommand, block: u64) -> None:
    """All of this command, in logical sectors of `block` bytes."""
    progress.next = command.sector * SECTOR // block
    progress.left = u64(command.sectors) * SECTOR // block


@fn
def trim_fill(progress: TrimProgress, hpa: Hpa) -> None:
    """Fill the block at `hpa` with the next ranges, which count as done."""
    block = phys(TrimBlock, hpa)
    for i in range(RANGES):
        sectors = min(progress.left, u64(RANGE_SECTORS))
        block.ranges[i] = TrimRange(first=progress.next if sectors != 0 else u64(0), sectors=u16(sectors))
        progress.next += sectors
        progress.left -= sectors
