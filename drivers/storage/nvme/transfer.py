"""Commands in NVMe's words: blocks, and where the data lies (NVM Express base 1.4, chapters 4.3, 6.7 and 6.17)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, min, phys, range, u32, u64
from drivers.storage.command import SECTOR, SEGMENTS_MAX, BlockCommand
from drivers.storage.disk import Disk, disk_has
from drivers.storage.nvme.queue_entries import DEALLOCATE, LIST_ENTRIES, PAGE, DatasetRange, NvmeCommand, PrpList

BYTES_MAX = LIST_ENTRIES * PAGE  # of a command: one that begins within a page has a page more, the one not in the list
ADDRESS_LIMIT = 1 << 52  # that processors have at most
ZEROES_MAX = 1 << 16  # blocks that one of NVMe's commands makes zero


@fn
def sectors_log2(disk: Disk) -> u32:
    """Sectors in a block: 2 to this, up to 3."""
    return disk.block.trailing_zeros().wrapping_sub(9) & 3


@fn
def put_transfer(entry: NvmeCommand, work: BlockCommand, disk: Disk, list: Hpa) -> bool:
    """READ and WRITE. False when the command breaks the disk's limits."""
    wanted = u64(work.sectors) * SECTOR
    if work.sectors == 0 or wanted > u64(disk.bytes_max) or not disk_has(disk, work.sector, work.sectors):
        return False
    log2 = sectors_log2(disk)
    entry.dwords_10_11 = work.sector >> log2
    entry.dword_12 = (work.sectors >> log2).wrapping_sub(1)
    first = work.segments[0]
    begin = u64(first.hpa)
    if work.segment_count == 1 and u64(first.bytes) == wanted and (begin & (PAGE - 1)) + wanted <= PAGE:
        if begin & 3 != 0 or begin > disk.address_limit - wanted:
            return False
        entry.data = begin
        entry.more_data = 0
        return True
    return put_pages(entry, work, disk, list, wanted)


@fn(noinline=True)
def put_pages(entry: NvmeCommand, work: BlockCommand, disk: Disk, list: Hpa, wanted: u64) -> bool:
    """The data's pages: the first one, and the second, or a list of all others."""
    others = phys(PrpList, list)
    used = u32(0)
    total = u64(0)
    if work.segment_count > SEGMENTS_MAX:
        return False
    for i in range(work.segment_count):
        segment = work.segments[i]
        begin = u64(segment.hpa)
        bytes = u64(segment.bytes)
        total = total.wrapping_add(bytes)
        if not is_reachable(begin, bytes, disk.address_limit) or total > wanted:
            return False
        end = begin + bytes
        if (i != 0 and begin & (PAGE - 1) != 0) or (total != wanted and end & (PAGE - 1) != 0):
            return False
        page = begin if i != 0 else (begin & ~(PAGE - 1)) + PAGE
        while page < end:
            if used >= LIST_ENTRIES:
                return False
            others.pages[used] = page
            used += 1
            page += PAGE
    entry.data = u64(work.segments[0].hpa)
    entry.more_data = others.pages[0] if used == 1 else u64(list)
    return total == wanted


@fn
def is_reachable(begin: u64, bytes: u64, limit: u64) -> bool:
    """Whole sectors at a multiple of 4, below the limit."""
    return bytes != 0 and bytes % SECTOR == 0 and begin & 3 == 0 and begin <= limit and bytes <= limit - begin


@fn(cold=True)
def put_discard(entry: NvmeCommand, work: BlockCommand, disk: Disk, list: Hpa) -> bool:
    """DISCARD of one range, which lies where lists do. False when the command breaks the disk's limits."""
    if work.sectors == 0 or not disk_has(disk, work.sector, work.sectors):
        return False
    log2 = sectors_log2(disk)
    found = phys(DatasetRange, list)
    found.attributes = 0
    found.blocks = work.sectors >> log2
    found.first = work.sector >> log2
    entry.data = u64(list)
    entry.more_data = 0
    entry.dwords_10_11 = u64(DEALLOCATE) << 32  # one range: 0 in dword 10
    entry.dword_12 = 0
    return True


@fn(cold=True)
def put_zeroes(entry: NvmeCommand, work: BlockCommand, disk: Disk, zeroed: u32) -> u32:
    """WRITE_ZEROES, so far as one command can, behind the first `zeroed` blocks: how many blocks it has; 0 when the
    command breaks the disk's limits."""
    if work.sectors == 0 or not disk_has(disk, work.sector, work.sectors):
        return u32(0)
    log2 = sectors_log2(disk)
    blocks = min((work.sectors >> log2).saturating_sub(zeroed), u32(ZEROES_MAX))
    entry.data = 0
    entry.more_data = 0
    entry.dwords_10_11 = (work.sector >> log2) + u64(zeroed)
    entry.dword_12 = blocks.wrapping_sub(1)
    return blocks
