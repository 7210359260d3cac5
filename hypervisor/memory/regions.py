"""The firmware's memory map made sane: sorted, disjoint, page-aligned runs of RAM that nobody else uses."""

from __future__ import annotations

from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from codegen.lang import Array, Field, Struct, count, fn, max, min, range, u32, u64

FRAME = 4096
REGIONS_MAX = 320
ADDRESS_LIMIT = 1 << 52  # MAXPHYADDR of the architecture


class Region(Struct):
    """Physical bytes from `base` up to `end`, without `end`; both frame-aligned."""

    base: Field[u64]
    end: Field[u64]


class RegionList(Struct):
    """Sorted by base, disjoint, none empty."""

    region_count: Field[u32]
    regions: Array[Region] = count(REGIONS_MAX)

    @fn
    def add(self, base: u64, end: u64) -> None:
        """Unite with [base, end), frames that are whole only. When the list is full, the RAM is not used."""
        low = frame_up(base)
        high = end & ~(FRAME - 1)
        if low >= high:
            return
        first = u32(0)
        while first < self.region_count and self.regions[first].end < low:
            first += 1
        last = first
        while last < self.region_count and self.regions[last].base <= high:
            low = min(low, self.regions[last].base)
            high = max(high, self.regions[last].end)
            last += 1
        if first == last:
            if self.region_count < REGIONS_MAX:
                self.open_gap(first)
                self.set(first, low, high)
            return
        self.set(first, low, high)
        self.close_gap(first + 1, last)

    @fn
    def remove(self, base: u64, end: u64) -> None:
        """Take away every frame that [base, end) touches. When a split does not fit, the upper part is lost too."""
        low = base & ~(FRAME - 1)
        high = frame_up(end)
        if low >= high:
            return
        i = u32(0)
        while i < self.region_count and self.regions[i].base < high:
            region = self.regions[i]
            old_end = region.end
            if old_end <= low:
                i += 1
            elif region.base < low:
                region.end = low
                i += 1
                if old_end > high and self.region_count < REGIONS_MAX:
                    self.open_gap(i)
                    self.set(i, high, old_end)
            elif old_end > high:
                region.base = high
                i += 1
            else:
                self.close_gap(i, i + 1)

    @fn
    def contains(self, base: u64, end: u64) -> bool:
        """Whether [base, end) lies in one of the regions."""
        for i in range(self.region_count):
            if self.regions[i].base <= base and end <= self.regions[i].end:
                return True
        return False

    @fn
    def set(self, index: u32, low: u64, high: u64) -> None:
        self.regions[index].base = low
        self.regions[index].end = high

    @fn
    def open_gap(self, index: u32) -> None:
        """Make room for one region at `index`."""
        i = self.region_count
        while i > index:
            self.regions[i].copy_from(self.regions[i - 1])
            i -= 1
        self.region_count += 1

    @fn
    def close_gap(self, first: u32, last: u32) -> None:
        """Drop the regions from `first` up to `last`, without `last`."""
        for i in range(last, self.region_count):
            self.regions[first + (i - last)].copy_from(self.regions[i])
        self.region_count -= last - first

    @fn
    def bytes(self) -> u64:
        """Sum of all lengths."""
        total = u64(0)
        for i in range(self.region_count):
            total += self.regions[i].end - self.regions[i].base
        return total

    @fn
    def top(self) -> u64:
        """The end of the last region, 0 when there is none."""
        if self.region_count == 0:
            return u64(0)
        return self.regions[self.region_count - 1].end


@fn
def frame_up(address: u64) -> u64:
    """Rounded up to a frame; addresses are limited, so nothing wraps."""
    return (min(address, u64(ADDRESS_LIMIT)) + (FRAME - 1)) & ~(FRAME - 1)


@fn
def end_of(base: u64, length: u64) -> u64:
    """base + length, no further than addresses go: firmware writes nonsense too."""
    end = base.checked_add(length)
    if end is None:
        return u64(ADDRESS_LIMIT)
    return min(end, u64(ADDRESS_LIMIT))


@fn(cold=True)
def usable_regions(info: BootInfo, into: RegionList) -> None:
    """All RAM that the map calls usable, less what any other entry claims: an overlap is not usable."""
    into.region_count = 0
    entries = min(info.region_count, u32(MEMORY_REGIONS_MAX))
    for i in range(entries):
        region = info.regions[i]
        if region.kind == u32(MemoryKind.USABLE):
            into.add(u64(region.base), end_of(u64(region.base), region.length))
    for i in range(entries):
        region = info.regions[i]
        if region.kind != u32(MemoryKind.USABLE) and region.length > 0:
            into.remove(u64(region.base), end_of(u64(region.base), region.length))


@fn(cold=True)
def touches_usable(info: BootInfo, base: u64, end: u64) -> bool:
    """Whether any byte of [base, end) is RAM by the firmware's map, whoever has it: no place for registers."""
    for i in range(min(info.region_count, u32(MEMORY_REGIONS_MAX))):
        region = info.regions[i]
        first = u64(region.base)
        if region.kind == u32(MemoryKind.USABLE) and first < end and base < end_of(first, region.length):
            return True
    return False
