"""From a chain in the guest's memory to segments that a disk of the machine reads or writes itself."""

from __future__ import annotations

from codegen.lang import HwEnum, fn, min, u32, u64
from drivers.storage.command import SECTOR, SEGMENTS_MAX, BlockCommand
from drivers.storage.disk import Disk
from hypervisor.devices.virtio.chain import SEGMENTS, Chain
from hypervisor.memory.guest import GuestMemory, lent_run

PAGE = 4096


class GatherStop(HwEnum, repr=u32, must_use=True):
    """Why there is nothing to gather."""

    NO_MEMORY = 1  # the chain leads outside of RAM, or is shorter than it was
    UNREACHABLE = 2  # the disk cannot take the next bytes where they lie


@fn
def gather(
    command: BlockCommand, disk: Disk, chain: Chain, memory: GuestMemory, offset: u64, length: u64, reads: bool
) -> u64 | GatherStop:
    """Fill the command's segments with the chain's bytes from `offset` of its half on, at most `length` of them: as
    many as one command of this disk takes. Gives how many: whole blocks, at least one."""
    index = chain.first_written if reads else u32(0)
    end = chain.segment_count if reads else chain.first_written
    skipped = offset
    limit = min(length, u64(disk.bytes_max))
    room = min(disk.segments_max, u32(SEGMENTS_MAX))
    total = u64(0)
    used = u32(0)
    before = u64(0)  # where the segment before ends
    while total < limit and index < end:
        segment = chain.segments[index & (SEGMENTS - 1)]
        if skipped >= segment.length:
            skipped = skipped - segment.length
            index = index + 1
            continue
        hpa, here = lent_run(memory, segment.gpa, skipped, min(segment.length - skipped, limit - total), reads)
        if here == 0:
            return GatherStop.NO_MEMORY
        start = u64(hpa)
        if start & 3 != 0 or here & (SECTOR - 1) != 0 or start + here > disk.address_limit:
            break
        if used != 0 and before == start:
            last = command.segments[used - 1 & (SEGMENTS_MAX - 1)]
            last.bytes = last.bytes + u32.trunc(here)
        else:
            if used == room or disk.page_bound and used != 0 and (before | start) & (PAGE - 1) != 0:
                break
            added = command.segments[used & (SEGMENTS_MAX - 1)]
            added.hpa = hpa
            added.bytes = u32.trunc(here)
            used = used + 1
        before = start + here
        total = total + here
        skipped = skipped + here
    if total == 0:
        return GatherStop.UNREACHABLE if index < end else GatherStop.NO_MEMORY
    command.segment_count = used
    return whole_blocks(command, total, u64(disk.block))


@fn
def whole_blocks(command: BlockCommand, total: u64, block: u64) -> u64 | GatherStop:
    """Without what is behind the last whole block."""
    excess = total & (block - 1)
    if excess == total:
        return GatherStop.UNREACHABLE
    left = excess
    while left != 0 and command.segment_count != 0:
        last = command.segments[command.segment_count - 1 & (SEGMENTS_MAX - 1)]
        cut = min(left, u64(last.bytes))
        last.bytes = last.bytes - u32.trunc(cut)
        left = left - cut
        if last.bytes == 0:
            command.segment_count = command.segment_count - 1
    return total - excess
