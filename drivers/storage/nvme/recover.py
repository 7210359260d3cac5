"""Time: commands that the controller does not complete, and what is done then."""

from __future__ import annotations

from codegen.lang import fn, min, mmio, range, u32, u64
from drivers.storage.command import COMMANDS
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.collect import take_completion
from drivers.storage.nvme.ending import give_up, set_aside
from drivers.storage.nvme.registers import GONE, NvmeRegisters
from drivers.storage.nvme.reset import reset_begin, reset_step
from drivers.storage.nvme.state import ENTRIES, NVME, NvmeController, NvmePhase, NvmeQueue

NEVER = 0xFFFF_FFFF_FFFF_FFFF
BETWEEN_STEPS = 1_000_000  # ns
RESETS_MAX = 3  # without a completion in between


@fn(cold=True)
def nvme_tick(controller: u32, now: u64) -> u64:
    """Reset the controller when a deadline has passed, or go on with that by one step; commands of all queues may be
    over then. `now` and the result are ns of `moment()`: when the next tick is due, for what has been submitted up to
    now; NEVER when nothing is waited for."""
    one = NVME.controllers[controller]
    if one.phase == NvmePhase.RUNNING:
        watch(one, now)
    elif one.phase != NvmePhase.GONE:
        reset_step(one, now)
    match one.phase:
        case NvmePhase.GONE:
            return u64(NEVER)
        case NvmePhase.RUNNING:
            return next_deadline(one)
        case _:
            return now + BETWEEN_STEPS


@fn(cold=True)
def watch(controller: NvmeController, now: u64) -> None:
    """Whether it still runs, and no command is late."""
    status = mmio(NvmeRegisters, controller.base).status.read()
    if u32(status) == GONE:
        give_up(controller, StorageFault.FAILED)
        return
    late = False
    for i in range(controller.queue_count):
        late = find_late(controller.queues[i], now) or late
    if late or status.fatal or not status.ready:
        begin(controller, now)


@fn(cold=True)
def find_late(queue: NvmeQueue, now: u64) -> bool:
    """Mark what is late. A completion that nobody has collected yet counts."""
    if late_slots(queue, now) == 0:
        return False
    for _ in range(u32(ENTRIES)):
        command = take_completion(queue)
        if command is None:
            break
        queue.ready = queue.ready | u64(1) << command
    queue.late = late_slots(queue, now)
    return queue.late != 0


@fn(cold=True)
def late_slots(queue: NvmeQueue, now: u64) -> u32:
    late = u32(0)
    rest = queue.busy
    while rest != 0:
        slot = rest.trailing_zeros()
        if COMMANDS[queue.commands[slot]].deadline <= now:
            late = late | u32(1) << slot
        rest = rest & rest - 1
    return late


@fn(cold=True)
def begin(controller: NvmeController, now: u64) -> None:
    """A reset; when the last ones have helped nothing, the end."""
    completed = u64(0)
    for i in range(controller.queue_count):
        queue = controller.queues[i]
        completed = completed.wrapping_add(queue.completed)
        controller.timeouts = controller.timeouts.wrapping_add(u64(queue.late.count_ones()))
        set_aside(queue)
    if completed != controller.completed:
        controller.fruitless = 0
    controller.completed = completed
    if controller.fruitless >= RESETS_MAX:
        give_up(controller, StorageFault.TIMED_OUT)
        return
    controller.fruitless += 1
    controller.resets = controller.resets.wrapping_add(1)
    reset_begin(controller, now)


@fn(cold=True)
def next_deadline(controller: NvmeController) -> u64:
    """Of all that is under way."""
    first = u64(NEVER)
    for i in range(controller.queue_count):
        queue = controller.queues[i]
        rest = queue.busy
        while rest != 0:
            first = min(first, COMMANDS[queue.commands[rest.trailing_zeros()]].deadline)
            rest = rest & rest - 1
    return first
