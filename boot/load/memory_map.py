"""The memory map in BootInfo, as the loaders write it and search it: entries may be unsorted and may overlap."""

from __future__ import annotations

from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from codegen.lang import Hpa, fn, min, range, u32, u64, usize

FOUR_GIB = 1 << 32
TWO_MIB = 1 << 21


@fn
def add_region(info: BootInfo, base: u64, length: u64, kind: u32) -> bool:
    """Append an entry; empty ones are dropped, a length past the end of the address space is cut. False when full."""
    if length == 0:
        return True
    if info.region_count >= MEMORY_REGIONS_MAX:
        return False
    region = info.regions[info.region_count]
    region.base = Hpa(base)
    region.length = min(length, u64(0xFFFF_FFFF_FFFF_FFFF) - base)
    region.kind = kind
    info.region_count = info.region_count + 1
    return True


@fn
def is_free(info: BootInfo, base: u64, size: u64) -> bool:
    """Whether [base, base + size), below 4 GiB, lies in one usable entry and touches none of another kind."""
    inside = False
    for i in range(usize(info.region_count)):
        region = info.regions[i]
        low = u64(region.base)
        high = low + region.length
        if region.kind == u32(MemoryKind.USABLE):
            inside = inside or (low <= base and base + size <= high)
        elif low < base + size and base < high:
            return False
    return inside


@fn
def find_room(info: BootInfo, floor: u64, size: u64, align: u64) -> u64 | None:
    """The lowest free place below 4 GiB, at `floor` or at an end of a region above; `align` is a power of two."""
    best = u64(FOUR_GIB)
    first = align_up(floor, align)
    if first + size <= FOUR_GIB and is_free(info, first, size):
        return first
    for i in range(usize(info.region_count)):
        region = info.regions[i]
        low = u64(region.base)
        best = min(best, candidate(info, low, floor, size, align))
        best = min(best, candidate(info, low + region.length, floor, size, align))
    if best == FOUR_GIB:
        return None
    return best


@fn
def candidate(info: BootInfo, start: u64, floor: u64, size: u64, align: u64) -> u64:
    """`start` aligned up if that is free, else 4 GiB."""
    if start < floor or start >= FOUR_GIB or size > FOUR_GIB:
        return u64(FOUR_GIB)
    place = align_up(start, align)
    if place + size > FOUR_GIB or not is_free(info, place, size):
        return u64(FOUR_GIB)
    return place


@fn
def align_up(value: u64, align: u64) -> u64:
    return (value + (align - 1)) & ~(align - 1)
