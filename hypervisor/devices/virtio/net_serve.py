"""A network device's work on its queues: a burst of what comes, and of what each queue of the guest's sends."""

from __future__ import annotations

from codegen.lang import Local, fn, range, u32, u64
from drivers.virtio.net import RECEIVE, TRANSMIT
from drivers.virtio.status import INDIRECT_DESCRIPTORS
from hypervisor.devices.pci.function import PciFunction
from hypervisor.devices.virtio.chain import Chain, chain_read
from hypervisor.devices.virtio.device import QUEUES, VirtioDevice, device_accepted, device_fail, device_runs
from hypervisor.devices.virtio.net import control_queue
from hypervisor.devices.virtio.net_control import control_work
from hypervisor.devices.virtio.net_receive import receive
from hypervisor.devices.virtio.net_state import PAIRS, net_fail
from hypervisor.devices.virtio.net_transmit import transmit_work
from hypervisor.devices.virtio.queue import RingStop, queue_give, queue_take
from hypervisor.devices.virtio.serve import BURST, CHAIN_COST, SEGMENT_COST, Served, next_head, tell_of_all
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory
from hypervisor.net.port import SwitchPort


@fn
def net_frames_came(device: VirtioDevice) -> None:
    """The port's ring has something: as if the driver had told of buffers for it."""
    device.kicked = device.kicked | 1 << RECEIVE


@fn
def net_serve(device: VirtioDevice, function: PciFunction, memory: GuestMemory, chain: Chain, now: u64) -> bool:
    """A burst of each queue; whether the driver has broken the rules with one. `kicked` then says whether there is
    more."""
    port = device.net.port
    if port is None or not device_runs(device, function):
        device.kicked = 0
        return False
    sound = serve_queues(device, port, memory, chain, now)
    if not sound or not tell_of_all(device, function, memory):
        device_fail(device, function)
        net_fail(device.net)
        return True
    return False


@fn
def serve_queues(device: VirtioDevice, port: SwitchPort, memory: GuestMemory, chain: Chain, now: u64) -> bool:
    """False: one of them is broken."""
    control = control_queue(device)
    kicked = device.kicked
    device.kicked = 0
    receives = False
    for pair in range(u32(PAIRS)):
        first = 2 * pair
        if first != control:
            receives = receives or kicked >> (first + RECEIVE) & 1 != 0
            if kicked >> (first + TRANSMIT) & 1 != 0 and not send(device, port, pair, memory, chain, now):
                return False
    if receives:
        served = receive(device, port, memory, chain)
        if served == Served.BROKEN:
            return False
        if served == Served.MORE:
            net_frames_came(device)
    return kicked >> control & 1 == 0 or obey(device, control, memory, chain)


@fn
def send(device: VirtioDevice, port: SwitchPort, pair: u32, memory: GuestMemory, chain: Chain, now: u64) -> bool:
    """A burst of what a pair of queues sends. False: it is broken."""
    number = 2 * pair + TRANSMIT
    queue = device.queues[number & (QUEUES - 1)]
    work = Local(Work)
    left = u64(BURST)
    while left != 0:
        head = next_head(device, queue, memory)
        if isinstance(head, RingStop):
            return head == RingStop.EMPTY
        if not chain_read(chain, queue, memory, head, device_accepted(device, u64(INDIRECT_DESCRIPTORS))):
            return False
        work.zero()
        queue_take(queue)
        sound = transmit_work(device, port, pair, chain, memory, now, work)
        if not sound or not queue_give(queue, memory, head, u32(0)):
            return False
        left = left.saturating_sub(work.moved + u64(chain.segment_count) * SEGMENT_COST + CHAIN_COST)
    device.kicked = device.kicked | u32(1) << (number & 31)
    return True


@fn(cold=True)
def obey(device: VirtioDevice, number: u32, memory: GuestMemory, chain: Chain) -> bool:
    """One command: drivers wait for each. False: the queue is broken."""
    queue = device.queues[number & (QUEUES - 1)]
    head = next_head(device, queue, memory)
    if isinstance(head, RingStop):
        return head == RingStop.EMPTY
    if not chain_read(chain, queue, memory, head, device_accepted(device, u64(INDIRECT_DESCRIPTORS))):
        return False
    work = Local(Work)
    device.kicked = device.kicked | u32(1) << (number & 31)
    queue_take(queue)
    return control_work(device, chain, memory, work) and queue_give(queue, memory, head, work.written)
