"""A device's work on its queues, a bounded piece at a time: by the vCPU that has told it of them, on its own time."""

from __future__ import annotations

from codegen.lang import HwEnum, Local, fn, range, u32, u64
from drivers.virtio.status import EVENT_INDEX, INDIRECT_DESCRIPTORS
from hypervisor.devices.pci.function import PciFunction
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.block import block_work
from hypervisor.devices.virtio.chain import Chain, chain_read
from hypervisor.devices.virtio.device import (
    QUEUES,
    VirtioDevice,
    device_accepted,
    device_fail,
    device_runs,
    queue_interrupt,
)
from hypervisor.devices.virtio.entropy import entropy_work
from hypervisor.devices.virtio.machine_finish import machine_finish
from hypervisor.devices.virtio.queue import (
    RingStop,
    Virtqueue,
    queue_expect,
    queue_give,
    queue_peek,
    queue_take,
    queue_wants_interrupt,
)
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory

BURST = 64 << 10  # bytes
CHAIN_COST = 512  # bytes that could be moved while a chain is looked at,
SEGMENT_COST = 128  # and each of its descriptors


class Served(HwEnum, repr=u32):
    """How a queue was left."""

    EMPTY = 0
    MORE = 1  # one piece of work is done, and there may be another
    BROKEN = 2
    STALLED = 3  # as EMPTY, but there is more


@fn
def device_serve(device: VirtioDevice, function: PciFunction, memory: GuestMemory, chain: Chain) -> bool:
    """One burst; whether the driver has broken the rules with it. `device_waits` then says whether there is more."""
    sound = True
    if device.disk.machine.busy != 0:
        sound = machine_finish(device, function, memory, chain)
    if not device_runs(device, function):
        device.kicked = 0
    if sound and device.kicked != 0 and not device.disk.machine.stalled:
        sound = serve_next(device, function, memory, chain)
    if sound and device_runs(device, function):
        sound = tell_of_all(device, function, memory)
    if not sound:
        device_fail(device, function)
    return not sound


@fn
def serve_next(device: VirtioDevice, function: PciFunction, memory: GuestMemory, chain: Chain) -> bool:
    """The queue whose turn it is; false when the driver has broken its rules."""
    if device.done == 0 and device.kicked >> (device.current & 31) & 1 == 0:
        device.current = device.kicked.trailing_zeros()
    queue = device.queues[device.current & (QUEUES - 1)]
    return serve_queue(device, function, queue, memory, chain) != Served.BROKEN


@fn
def tell_of_all(device: VirtioDevice, function: PciFunction, memory: GuestMemory) -> bool:
    """Of what was given back in each queue. False: one is broken."""
    for number in range(device.queue_count):
        queue = device.queues[number & (QUEUES - 1)]
        if queue.next_used != queue.told and not tell_driver(device, function, queue, memory):
            return False
    return True


@fn
def tell_driver(device: VirtioDevice, function: PciFunction, queue: Virtqueue, memory: GuestMemory) -> bool:
    """Of what was given back, if it wants to hear of it. False: the queue is broken."""
    wanted = queue_wants_interrupt(queue, memory, device_accepted(device, u64(EVENT_INDEX)))
    if isinstance(wanted, RingStop):
        return False
    if wanted:
        queue_interrupt(device, function, queue)
    return True


@fn
def serve_queue(
    device: VirtioDevice, function: PciFunction, queue: Virtqueue, memory: GuestMemory, chain: Chain
) -> Served:
    """Chains of one queue until it is empty, or the burst is over."""
    number = device.current
    left = u64(BURST)
    work = Local(Work)
    while left != 0:
        served = serve_chain(device, function, queue, memory, chain, work)
        if served == Served.STALLED:
            return served
        if served != Served.MORE:
            device.kicked = device.kicked & ~(u32(1) << (number & 31))
            return served
        left = left.saturating_sub(work.moved + u64(chain.segment_count) * SEGMENT_COST + CHAIN_COST)
    if device.done == 0:
        device.current = (number + 1) & (QUEUES - 1)  # the others' turn
    return Served.MORE


@fn
def serve_chain(
    device: VirtioDevice, function: PciFunction, queue: Virtqueue, memory: GuestMemory, chain: Chain, work: Work
) -> Served:
    """A piece of work on the next chain."""
    head = next_head(device, queue, memory)
    if isinstance(head, RingStop):
        return Served.EMPTY if head == RingStop.EMPTY else Served.BROKEN
    if not chain_read(chain, queue, memory, head, device_accepted(device, u64(INDIRECT_DESCRIPTORS))):
        return Served.BROKEN
    work.zero()
    work.queue = device.current
    work.head = head
    sound = (
        block_work(device, chain, memory, work)
        if function.kind == FunctionKind.BLOCK
        else entropy_work(chain, memory, work)
    )
    if not sound:
        return Served.BROKEN
    if work.stalled:
        return Served.STALLED
    if work.begun or work.finished:
        device.done = 0
        queue_take(queue)
    if work.finished and not queue_give(queue, memory, head, work.written):
        return Served.BROKEN
    return Served.MORE


@fn
def next_head(device: VirtioDevice, queue: Virtqueue, memory: GuestMemory) -> u32 | RingStop:
    """The next chain. Before there is none for certain, a driver that uses event indexes is asked to tell of the
    next."""
    if not queue.enabled:
        return RingStop.EMPTY
    head = queue_peek(queue, memory)
    if isinstance(head, RingStop) and head == RingStop.EMPTY and device_accepted(device, u64(EVENT_INDEX)):
        if not queue_expect(queue, memory):
            return RingStop.BROKEN
        return queue_peek(queue, memory)
    return head
