"""Commands on their way back from an NVMe controller (NVM Express base 1.4, chapter 4.6)."""

from __future__ import annotations

from codegen.lang import fn, phys, range, u16, u32, u64
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS
from drivers.storage.nvme.queue_entries import NvmeCompletion, NvmeCompletionState, NvmeOpcode, NvmeRefusal
from drivers.storage.nvme.ring import next_entry, send, tell_taken
from drivers.storage.nvme.state import ENTRIES, NVME, SLOTS, NvmeQueue
from drivers.storage.nvme.transfer import put_zeroes

CODE = 0x7FF  # of a status: the code and its type


@fn
def nvme_collect(controller: u32, queue: u32) -> u32 | None:
    """The number of a command of this queue that is over, with its `outcome`; None when there is none now."""
    place = NVME.controllers[controller].queues[queue]
    if place.ready != 0:
        return take_ready(place)
    return take_completion(place)


@fn
def take_ready(queue: NvmeQueue) -> u32:
    """One that has its outcome already."""
    command = queue.ready.trailing_zeros()
    queue.ready = queue.ready & queue.ready - 1
    return u32.trunc(u64(command))


@fn
def take_completion(queue: NvmeQueue) -> u32 | None:
    """The next one that the controller has completed. At most a ring's worth of completions is looked at."""
    for _ in range(u32(ENTRIES)):
        if queue.busy == 0:
            return None  # all is told: see below
        entry = phys(NvmeCompletion, queue.completions + u64(queue.head) * 16)
        state = entry.state
        if state.phase != queue.phase:
            break
        source = entry.queue.submission
        advance(queue)
        slot = u32(state.id) % SLOTS
        bit = u32(1) << slot
        if queue.busy & bit == 0 or queue.ids[slot] != state.id or source != queue.number:
            queue.spurious = queue.spurious.wrapping_add(1)
            if queue.untold >= queue.untold_max:
                tell_taken(queue)
            continue
        queue.completed = queue.completed.wrapping_add(1)
        if (u32(state.status) | queue.unfinished & bit) != 0 and goes_on(queue, slot, state):
            continue
        queue.busy = queue.busy & ~bit
        queue.free = queue.free | bit
        if queue.untold >= queue.untold_max or queue.busy == 0:
            tell_taken(queue)
        command = u32(queue.commands[slot])
        COMMANDS[command].outcome = BlockOutcome.DONE if state.status == 0 else outcome_of(queue, state.status)
        return command
    if queue.untold != 0:
        tell_taken(queue)
    return None


@fn
def advance(queue: NvmeQueue) -> None:
    """Past a completion. Those of the ring's next round have the other phase."""
    queue.untold = queue.untold.wrapping_add(1)
    queue.head = queue.head.wrapping_add(1) & queue.mask
    if queue.head == 0:
        queue.phase = not queue.phase


@fn(cold=True)
def goes_on(queue: NvmeQueue, slot: u32, state: NvmeCompletionState) -> bool:
    """Of a WRITE_ZEROES: whether this was a part, and the next one is under way. False for all others."""
    bit = u32(1) << slot
    if queue.unfinished & bit == 0:
        return False
    if state.status & CODE == 0:
        work = COMMANDS[queue.commands[slot]]
        disk = DISKS.disks[work.disk]
        entry = next_entry(queue)
        blocks = put_zeroes(entry, work, disk, queue.zeroed[slot])
        if blocks != 0:
            queue.zeroed[slot] = queue.zeroed[slot].wrapping_add(blocks)
            send(queue, entry, slot, NvmeOpcode.WRITE_ZEROES, disk.unit)
            if queue.untold >= queue.untold_max:
                tell_taken(queue)
            return True
    queue.unfinished = queue.unfinished & ~bit
    return False


@fn(cold=True)
def outcome_of(queue: NvmeQueue, status: u16) -> BlockOutcome:
    """Of a command that the controller did not just carry out."""
    if status & CODE == 0:
        return BlockOutcome.DONE  # and there is more in its log
    queue.errors = queue.errors.wrapping_add(1)
    if NvmeRefusal.find(status & CODE) is None:
        return BlockOutcome.IO_ERROR
    return BlockOutcome.REFUSED
