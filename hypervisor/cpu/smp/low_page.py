"""Where new processors begin: a page below 1 MiB, and page tables that map it one to one, for the start only."""

from __future__ import annotations

from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from codegen.lang import Hpa, fn, min, phys, range, u8, u32, u64
from hypervisor.memory.frames import allocate_frames, release_frame
from hypervisor.memory.owner import Owner
from hypervisor.memory.page_table import READ_EXECUTE, ROOT_LEVEL, TABLES, PageEntry, PageTable, index_at
from hypervisor.memory.regions import FRAME, end_of

# The first 64 KiB are left alone: there are BIOSes that write to them at any time. From A0000H on there is no RAM.
LOWEST = 0x10000
END = 0xA0000
TABLE_FRAMES = 4
FOUR_GIB = 1 << 32


@fn(cold=True)
def low_page(info: BootInfo) -> Hpa | None:
    """The lowest frame that the firmware gives away and nothing else claims. The monitor hands out no frame there."""
    for page in range(u64(LOWEST), u64(END), FRAME):
        if is_given_away(info, page):
            return Hpa(page)
    return None


@fn(cold=True)
def is_given_away(info: BootInfo, page: u64) -> bool:
    """A usable region holds the whole frame, and no other kind touches it."""
    usable = False
    for i in range(min(info.region_count, u32(MEMORY_REGIONS_MAX))):
        region = info.regions[i]
        base = u64(region.base)
        end = end_of(base, region.length)
        if region.kind == u32(MemoryKind.USABLE):
            usable = usable or (base <= page and page + FRAME <= end)
        elif base < page + FRAME and page < end:
            return False
    return usable


@fn(cold=True)
def start_tables(page: Hpa) -> Hpa | None:
    """The monitor's own address space, and beside it the page, executable and not writable, at its physical address.
    The root is below 4 GiB, where 32-bit code can load it. None when there is no room."""
    frames = allocate_frames(u32(TABLE_FRAMES), u8(Owner.MONITOR))
    if frames is None:
        return None
    if u64(frames) + TABLE_FRAMES * FRAME > FOUR_GIB:
        release_tables(frames)
        return None
    phys(PageTable, frames).copy_from(phys(PageTable, TABLES.root))
    for i in range(u32(TABLE_FRAMES)):
        table = phys(PageTable, frames + u64(i) * FRAME)
        next = (u64(frames) >> 12) + u64(i) + 1
        entry = PageEntry(present=True, accessed=True, frame=next)
        if i == TABLE_FRAMES - 1:
            entry = READ_EXECUTE.replace(frame=u64(page) >> 12)
        table.entries[index_at(u64(page), u32(ROOT_LEVEL) - i)] = entry
    return frames


@fn(cold=True)
def release_tables(root: Hpa) -> None:
    """No processor uses them any more."""
    for i in range(u64(TABLE_FRAMES)):
        release_frame(root + i * FRAME, u8(Owner.MONITOR))
