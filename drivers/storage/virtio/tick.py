"""Deadlines of a virtio block device, and what becomes of its commands when it fails."""

from __future__ import annotations

from codegen.lang import fn, min, range, u32, u64
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS
from drivers.storage.virtio.collect import next_done
from drivers.storage.virtio.setup import block_set_up
from drivers.storage.virtio.state import BLOCKS, SLOTS_MAX, BlockQueue, VirtioBlock
from drivers.virtio.recovery import POLL, Recovery, recovery_step
from drivers.virtio.transport import Life, transport_stop

NEVER = (1 << 64) - 1
LOOK = 1_000_000_000  # ns between looks at a device that has something to do


@fn(cold=True)
def virtio_block_tick(controller: u32, now: u64) -> u64:
    """Look after a device: `now` is ns of `moment()`. Gives when to call again: `now` when commands are to be collected
    that no interrupt tells of, NEVER when nothing is under way. What is submitted later does not count in that, so call
    again within a second of it."""
    block = BLOCKS.blocks[controller]
    life = block.transport.life
    if life == Life.ABSENT or life == Life.GONE:
        return next_look(block, now)
    match recovery_step(block.transport, now, is_late(block, now)):
        case Recovery.HEALTHY:
            pass
        case Recovery.WAIT:
            return now if has_ended(block) else now + POLL
        case Recovery.AT_REST:
            end_all(block, BlockOutcome.RESET)
            if not block_set_up(block):
                lose(block)
        case Recovery.LOST:
            lose(block)
    return next_look(block, now)


@fn(cold=True)
def lose(block: VirtioBlock) -> None:
    """The device is gone, or as good as that: first it can reach no memory."""
    transport_stop(block.transport)
    DISKS.disks[block.disk].gone = True
    end_all(block, BlockOutcome.GONE)


@fn(cold=True)
def is_late(block: VirtioBlock, now: u64) -> bool:
    """Whether the deadline of a command has passed. What the device has done meanwhile is noted first, so that nobody
    who collects late blames the device."""
    if deadline_of(block) > now:
        return False
    for number in range(block.queue_count):
        lane = block.queues[number]
        for _ in range(u32(SLOTS_MAX)):
            done = next_done(block, lane)
            if done is None:
                break
            lane.ended = lane.ended | u64(1) << u64(done)
    return deadline_of(block) <= now


@fn(cold=True)
def deadline_of(block: VirtioBlock) -> u64:
    """The first one of all commands on their way."""
    first = u64(NEVER)
    for number in range(block.queue_count):
        lane = block.queues[number]
        busy = lane.busy
        while busy != 0:
            first = min(first, COMMANDS[lane.commands[busy.trailing_zeros()]].deadline)
            busy = busy & busy.wrapping_sub(1)
    return first


@fn(cold=True)
def end_all(block: VirtioBlock, outcome: BlockOutcome) -> None:
    """What was on its way has ended so; when it was reset for, and late, TIMED_OUT."""
    for number in range(block.queue_count):
        lane = block.queues[number]
        while lane.busy != 0:
            command = u32(lane.commands[lane.busy.trailing_zeros()])
            lane.busy = lane.busy & lane.busy.wrapping_sub(1)
            end_one(block, lane, command, outcome)


@fn(cold=True)
def end_one(block: VirtioBlock, lane: BlockQueue, command: u32, outcome: BlockOutcome) -> None:
    late = outcome == BlockOutcome.RESET and COMMANDS[command].deadline <= block.transport.reset_at
    COMMANDS[command].outcome = BlockOutcome.TIMED_OUT if late else outcome
    lane.ended = lane.ended | u64(1) << u64(command)


@fn(cold=True)
def next_look(block: VirtioBlock, now: u64) -> u64:
    """When to call again."""
    if has_ended(block):
        return now
    for number in range(block.queue_count):
        if block.queues[number].busy != 0:
            return min(deadline_of(block), now + LOOK)
    return u64(NEVER)


@fn(cold=True)
def has_ended(block: VirtioBlock) -> bool:
    """Whether there is something to collect that no interrupt tells of."""
    for number in range(block.queue_count):
        if block.queues[number].ended != 0:
            return True
    return False
