"""What a virtio block device has done, or what became of it otherwise."""

from __future__ import annotations

from codegen.lang import fn, phys, u8, u32, u64
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.virtio.request import ANSWER_AT, REQUEST_BYTES, Answer
from drivers.storage.virtio.state import BLOCKS, SLOTS_MAX, BlockQueue, VirtioBlock
from drivers.virtio.block import BlockStatus
from drivers.virtio.driver_queue import queue_arm, queue_is_idle, queue_take
from drivers.virtio.transport import transport_runs


@fn(hot=True)
def virtio_block_collect(controller: u32, queue: u32) -> u32 | None:
    """The number of a command of this queue that has ended, each once. After None the device interrupts when there is
    another one; which ended otherwise, virtio_block_tick says."""
    block = BLOCKS.blocks[controller]
    lane = block.queues[queue]
    if lane.ended != 0:
        number = u32(lane.ended.trailing_zeros())
        lane.ended = lane.ended & lane.ended.wrapping_sub(1)
        return number
    return next_done(block, lane)


@fn
def next_done(block: VirtioBlock, lane: BlockQueue) -> u32 | None:
    """The next one that the device gives back. A head that is not on its way makes the device broken: it is reset, and
    until then nothing that it says counts."""
    ring = lane.ring
    if not transport_runs(block.transport) or queue_is_idle(ring) and queue_arm(ring):
        return None
    head = queue_take(ring)
    slot = head >> lane.shift
    if slot >= SLOTS_MAX or slot << lane.shift != head or lane.busy >> u64(slot) & 1 == 0:
        lane.nonsense = lane.nonsense.wrapping_add(1)
        block.transport.broken = True
        return None
    lane.busy = lane.busy & ~(u64(1) << u64(slot))
    block.transport.fruitless = 0
    number = u32(lane.commands[slot])
    COMMANDS[number].outcome = outcome_of(lane, slot)
    return number


@fn
def outcome_of(lane: BlockQueue, slot: u32) -> BlockOutcome:
    """By the status. How many bytes the device says it has written does not count: devices differ in what they count.
    A status that was never written is an error."""
    status = phys(Answer, lane.requests + (u64(slot) * REQUEST_BYTES + ANSWER_AT)).status
    if status == u8(BlockStatus.OK):
        return BlockOutcome.DONE
    return BlockOutcome.REFUSED if status == u8(BlockStatus.UNSUPPORTED) else BlockOutcome.IO_ERROR
