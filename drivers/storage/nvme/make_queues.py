"""The queues of a controller that was just started: how many, their memory, and the commands that make them
(NVM Express base 1.4, chapters 5.3, 5.4 and 5.21.1.7)."""

from __future__ import annotations

from codegen.lang import fn, min, phys_span, range, sizeof, u16, u32, u64
from drivers.host import device_memory
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.admin import admin_answer, admin_submit
from drivers.storage.nvme.ending import give_up
from drivers.storage.nvme.queue_entries import PAGE, NvmeAdminOpcode, PrpList
from drivers.storage.nvme.registers import DOORBELLS
from drivers.storage.nvme.state import SLOTS, NvmeController, NvmePhase, NvmeQueue

NUMBER_OF_QUEUES = 0x07  # a feature
CONTIGUOUS, INTERRUPTS = 1 << 0, 1 << 1
RING_BYTES = 2 * PAGE
QUEUE_BYTES = RING_BYTES + SLOTS * sizeof(PrpList)
ANYWHERE = 0xFFFF_FFFF_FFFF_FFFF


@fn(cold=True)
def make_first_queue(controller: NvmeController, now: u64) -> None:
    """It is ready: ask for as many queues as there shall be."""
    controller.phase = NvmePhase.MAKING_QUEUES
    controller.step = 0
    wanted = u64(controller.queue_count - 1)
    dwords = u64(NUMBER_OF_QUEUES) | (wanted | wanted << 16) << 32
    admin_submit(controller, NvmeAdminOpcode.SET_FEATURES, u32(0), u64(0), dwords, now)


@fn(cold=True)
def look_at_queue(controller: NvmeController, now: u64) -> None:
    """If the last command is done, go on with the next one; RUNNING when all are. GONE when one failed; at the first
    start the controller rather has fewer queues."""
    status = admin_answer(controller)
    if status is None:
        if now >= controller.admin.deadline:
            give_up(controller, StorageFault.TIMED_OUT)
        return
    step = controller.step
    made = step.saturating_sub(1) // 2
    if status != 0 and controller.starting and made != 0:
        controller.queue_count = made
    elif status != 0:
        give_up(controller, StorageFault.FAILED)
        return
    elif step == 0:
        fault = agree(controller)
        if fault is not None:
            give_up(controller, fault)
            return
    controller.step = step + 1
    if step // 2 < controller.queue_count:
        make_next(controller, now)
    else:
        run(controller)


@fn(cold=True)
def agree(controller: NvmeController) -> StorageFault | None:
    """On the number of queues that is granted (5.21.1.7). It may not become less than before."""
    granted = min(controller.admin.result & 0xFFFF, controller.admin.result >> 16) + 1
    if not controller.starting:
        return None if granted >= controller.queue_count else StorageFault.FAILED
    wanted = min(granted, controller.queue_count)
    controller.queue_count = 0
    while controller.queue_count < wanted and give_memory(controller, controller.queue_count):
        controller.queue_count += 1
    return None if controller.queue_count != 0 else StorageFault.NO_MEMORY


@fn(cold=True)
def give_memory(controller: NvmeController, index: u32) -> bool:
    """To a queue, once. False when there is none."""
    memory = device_memory(controller.requester, u64(QUEUE_BYTES), u64(ANYWHERE))
    if memory is None:
        return False
    queue = controller.queues[index]
    queue.number = u16(index + 1)
    queue.submissions = memory
    queue.completions = memory + PAGE
    queue.lists = memory + RING_BYTES
    queue.tail_doorbell = controller.base + DOORBELLS + u64(2 * (index + 1) * controller.stride)
    queue.head_doorbell = queue.tail_doorbell + u64(controller.stride)
    queue.mask = controller.entries - 1
    slots = controller.entries // 2
    queue.all_slots = u32.trunc((u64(1) << slots) - 1)
    queue.untold_max = controller.entries - slots  # with one for each slot, that leaves an entry free
    for slot in range(u32(SLOTS)):
        queue.ids[slot] = u16(slot)
    return True


@fn(cold=True)
def make_next(controller: NvmeController, now: u64) -> None:
    """Completions before submissions: these name the queue that they end in."""
    index = (controller.step - 1) // 2
    queue = controller.queues[index]
    shape = u64(queue.number) | u64(queue.mask) << 16
    if controller.step % 2 != 0:
        empty(queue)
        flags = u64(CONTIGUOUS)
        if controller.vectors != 0:
            flags = flags | INTERRUPTS | u64(index) << 16
        dwords = shape | flags << 32
        data = u64(queue.completions)
        admin_submit(controller, NvmeAdminOpcode.CREATE_COMPLETIONS, u32(0), data, dwords, now)
    else:
        dwords = shape | (u64(CONTIGUOUS) | u64(queue.number) << 16) << 32
        data = u64(queue.submissions)
        admin_submit(controller, NvmeAdminOpcode.CREATE_SUBMISSIONS, u32(0), data, dwords, now)


@fn(cold=True)
def empty(queue: NvmeQueue) -> None:
    """As the controller takes a new one to be."""
    phys_span(queue.submissions, RING_BYTES).fill(0)
    queue.tail = 0
    queue.head = 0
    queue.phase = True
    queue.untold = 0


@fn(cold=True)
def run(controller: NvmeController) -> None:
    """Commands are taken from now on."""
    controller.phase = NvmePhase.RUNNING
    controller.starting = False
    for i in range(controller.queue_count):
        queue = controller.queues[i]
        queue.free = queue.all_slots
