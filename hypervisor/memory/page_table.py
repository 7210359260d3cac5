"""The monitor's own page tables: four levels (SDM vol. 3A, 4.5), the largest pages that fit."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Hpa, Struct, at, bit, bits, fn, phys, range, storage, u8, u32, u64
from hypervisor.cpu.spin_lock import SpinLock
from hypervisor.memory.frames import allocate_frame
from hypervisor.memory.owner import Owner
from hypervisor.memory.regions import FRAME

ENTRIES = 512
ROOT_LEVEL = 4
LEVEL_4K = 1
LEVEL_2M = 2
LEVEL_1G = 3


class PageEntry(BitStruct, repr=u64):
    """An entry of any level."""

    present: bool = bit(0)
    writable: bool = bit(1)
    user: bool = bit(2)
    write_through: bool = bit(3)
    cache_disable: bool = bit(4)
    accessed: bool = bit(5)
    dirty: bool = bit(6)
    large: bool = bit(7)  # a 2 MiB or 1 GiB page; at level 1 this is PAT
    frame: u64 = bits(12, 51)
    no_execute: bool = bit(63)


class PageTable(Struct, size=4096, align=4096, shared=True):
    """One table of any level; complete before an entry leads to it, as other processors walk it."""

    entries: Array[PageEntry] = at(0, count=ENTRIES)


class PageTables(Struct):
    """The tables in use. Changes take the lock; who only walks them does not: entries appear whole, and none goes."""

    lock: SpinLock
    root: Field[Hpa]
    largest: Field[u32]  # level of the largest page that the processor has


TABLES = storage(PageTables)

# Accessed and dirty are set beforehand: the processor need not write to the tables.
READ_EXECUTE = PageEntry(present=True, accessed=True)
READ_ONLY = PageEntry(present=True, accessed=True, no_execute=True)
READ_WRITE = PageEntry(present=True, writable=True, accessed=True, dirty=True, no_execute=True)
DEVICE = READ_WRITE.replace(cache_disable=True, write_through=True)  # PAT entry 3: UC in every default PAT


@fn
def index_at(address: u64, level: u32) -> u64:
    """The entry of `address` in its table of `level` (1 to 4)."""
    return (address >> (level * 9 + 3)) & (ENTRIES - 1)


@fn
def page_bytes(level: u32) -> u64:
    """What one entry of `level` maps."""
    return u64(1) << (level * 9 + 3)


@fn
def map_pages(address: u64, hpa: Hpa, length: u64, like: PageEntry) -> bool:
    """Map `length` bytes, all frame-aligned, replacing what is there. False when no frame is left for a table.

    The caller flushes the TLB where a mapping was replaced: of its own processor, so that is for the start.
    """
    with TABLES.lock:
        done = u64(0)
        while done < length:
            level = leaf_level(address + done, u64(hpa) + done, length - done)
            table = table_for(address + done, level)
            if table is None:
                return False
            entry = like.replace(frame=(u64(hpa) + done) >> 12, large=level != LEVEL_4K)
            table.entries[index_at(address + done, level)] = entry
            done += page_bytes(level)
        return True


@fn
def leaf_level(address: u64, hpa: u64, length: u64) -> u32:
    """The level of the largest page that begins here, fits, and does not hide a table that exists."""
    level = TABLES.largest
    while level > LEVEL_4K:
        size = page_bytes(level)
        if (address | hpa) & (size - 1) == 0 and length >= size and not has_table(address, level):
            return level
        level -= 1
    return level


@fn
def has_table(address: u64, level: u32) -> bool:
    """The entry of `level` for this address points to a table."""
    table = phys(PageTable, TABLES.root)
    at_level = u32(ROOT_LEVEL)
    while True:
        entry = table.entries[index_at(address, at_level)]
        if not entry.present or (entry.large and at_level < ROOT_LEVEL):
            return False
        if at_level == level:
            return True
        table = phys(PageTable, Hpa(entry.frame << 12))
        at_level -= 1


@fn
def table_for(address: u64, level: u32) -> PageTable | None:
    """The table of `level` that maps this address, made if it is missing. None when no frame is left."""
    table = phys(PageTable, TABLES.root)
    at_level = u32(ROOT_LEVEL)
    while at_level > level:
        index = index_at(address, at_level)
        entry = table.entries[index]
        if not entry.present or entry.large:
            frame = allocate_frame(u8(Owner.MONITOR))
            if frame is None:
                return None
            if entry.present:
                split_page(entry, at_level, phys(PageTable, frame))
            entry = PageEntry(present=True, writable=True, accessed=True, frame=u64(frame) >> 12)
            table.entries[index] = entry
        table = phys(PageTable, Hpa(entry.frame << 12))
        at_level -= 1
    return table


@fn
def split_page(entry: PageEntry, level: u32, into: PageTable) -> None:
    """Write a large page of `level` as 512 pages of the level below."""
    step = page_bytes(level - 1) // FRAME
    for i in range(u64(ENTRIES)):
        into.entries[i] = entry.replace(frame=entry.frame + i * step, large=level - 1 != LEVEL_4K)


@fn
def translate(address: u64) -> PageEntry | None:
    """The entry that maps this address, with the frame of exactly this address's 4 KiB. None when nothing does."""
    table = phys(PageTable, TABLES.root)
    level = u32(ROOT_LEVEL)
    while True:
        entry = table.entries[index_at(address, level)]
        if not entry.present:
            return None
        if level == LEVEL_4K or (entry.large and level < ROOT_LEVEL):
            inside = (address & (page_bytes(level) - 1)) >> 12
            return entry.replace(frame=entry.frame + inside, large=False)
        table = phys(PageTable, Hpa(entry.frame << 12))
        level -= 1
