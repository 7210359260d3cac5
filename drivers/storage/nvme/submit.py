"""Commands on their way to an NVMe controller."""

from __future__ import annotations

from codegen.lang import Hpa, fn, sizeof, u8, u32, u64
from drivers.storage.command import COMMANDS, BlockCommand, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS, Disk, DiskDriver
from drivers.storage.nvme.ending import end_at_once
from drivers.storage.nvme.queue_entries import NvmeCommand, NvmeOpcode, PrpList
from drivers.storage.nvme.ring import next_entry, send
from drivers.storage.nvme.state import NVME, NvmeController, NvmePhase, NvmeQueue
from drivers.storage.nvme.transfer import put_discard, put_transfer, put_zeroes


@fn
def nvme_submit(command: u32, queue: u32) -> bool:
    """Have the controller carry out COMMANDS[command], whose disk is this driver's, by this queue of it.

    False when the queue takes nothing now: try again after a command was collected from it, or after a tick. Else the
    command is the driver's, until `nvme_collect` of this queue gives it back; one that breaks the disk's limits too.
    The next tick is due at its deadline at the latest.
    """
    work = COMMANDS[command]
    disk = DISKS.disks[work.disk]
    assert disk.driver == DiskDriver.NVME
    place = NVME.controllers[disk.controller].queues[queue]
    work.outcome = BlockOutcome.PENDING
    free = place.free
    if free == 0:
        return without_slot(NVME.controllers[disk.controller], queue, command)
    slot = free.trailing_zeros() & 31
    entry = next_entry(place)
    opcode = put(entry, work, disk, place, slot)
    if opcode is None:
        end_at_once(place, command, BlockOutcome.REFUSED)
        return True
    bit = u32(1) << slot
    place.free = free & ~bit
    place.busy = place.busy | bit
    place.commands[slot] = u8.trunc(command)
    send(place, entry, slot, opcode, disk.unit)
    return True


@fn
def put(entry: NvmeCommand, work: BlockCommand, disk: Disk, queue: NvmeQueue, slot: u32) -> NvmeOpcode | None:
    """The command in its entry, but for the head; None when it breaks the disk's limits."""
    list = queue.lists + u64(slot) * sizeof(PrpList)
    operation = work.operation
    if operation != BlockOperation.READ and (operation != BlockOperation.WRITE or disk.read_only):
        return put_other(entry, work, disk, queue, slot, list)
    if not put_transfer(entry, work, disk, list):
        return None
    return NvmeOpcode.READ if operation == BlockOperation.READ else NvmeOpcode.WRITE


@fn(cold=True)
def put_other(
    entry: NvmeCommand, work: BlockCommand, disk: Disk, queue: NvmeQueue, slot: u32, list: Hpa
) -> NvmeOpcode | None:
    """The same of commands without data, and of what cannot be."""
    match work.operation:
        case BlockOperation.FLUSH:
            entry.data = 0
            entry.more_data = 0
            entry.dwords_10_11 = 0
            entry.dword_12 = 0
            return NvmeOpcode.FLUSH
        case BlockOperation.DISCARD:
            if disk.read_only or not disk.discards:
                return None
            return NvmeOpcode.DATASET if put_discard(entry, work, disk, list) else None
        case BlockOperation.WRITE_ZEROES:
            if disk.read_only or not disk.zeroes:
                return None
            return put_first_zeroes(entry, work, disk, queue, slot)
        case _:
            return None


@fn(cold=True)
def put_first_zeroes(
    entry: NvmeCommand, work: BlockCommand, disk: Disk, queue: NvmeQueue, slot: u32
) -> NvmeOpcode | None:
    """The part that one of NVMe's commands can do; collect.py sends the others."""
    blocks = put_zeroes(entry, work, disk, u32(0))
    if blocks == 0:
        return None
    queue.zeroed[slot] = blocks
    queue.unfinished = queue.unfinished | u32(1) << slot
    return NvmeOpcode.WRITE_ZEROES


@fn(cold=True)
def without_slot(controller: NvmeController, queue: u32, command: u32) -> bool:
    """No slot: all are busy, or the controller is being reset, or is gone, or has no such queue."""
    place = controller.queues[queue]
    if controller.phase == NvmePhase.GONE:
        end_at_once(place, command, BlockOutcome.GONE)
        return True
    if queue >= controller.queue_count:
        end_at_once(place, command, BlockOutcome.REFUSED)
        return True
    return False
