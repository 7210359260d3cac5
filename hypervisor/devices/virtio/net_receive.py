"""Frames that have come to a guest's port: into the buffers of its driver, as that one can take them."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Gpa,
    HwEnum,
    Local,
    Span,
    Struct,
    fn,
    len,
    min,
    sizeof,
    span_at,
    span_of,
    u8,
    u32,
    u64,
    usize,
)
from drivers.virtio.net import (
    GSO_NONE,
    GSO_TCPV4,
    GUEST_CSUM,
    GUEST_TSO4,
    GUEST_TSO6,
    MRG_RXBUF,
    RECEIVE,
    VirtioNetHeader,
)
from drivers.virtio.status import INDIRECT_DESCRIPTORS
from hypervisor.devices.virtio.chain import Chain, chain_piece, chain_put, chain_read
from hypervisor.devices.virtio.device import QUEUES, VirtioDevice, device_accepted
from hypervisor.devices.virtio.net_state import FLOWS
from hypervisor.devices.virtio.queue import RingStop, Virtqueue, queue_enter, queue_publish, queue_take
from hypervisor.devices.virtio.serve import BURST, CHAIN_COST, SEGMENT_COST, Served, next_head
from hypervisor.memory.guest import GuestMemory, write_u8
from hypervisor.net.checksum import complete_checksum
from hypervisor.net.frame_ring import FrameHead, frame_of, ring_drop, ring_peek
from hypervisor.net.port import STAGING_BYTES, Drop, SwitchPort, count_drop
from hypervisor.net.segments import Cut, build_segment, find_headers

NET_HEADER_BYTES = sizeof(VirtioNetHeader)
BUFFERS_AT = VirtioNetHeader.num_buffers.offset
MERGED_MAX = 64  # chains for one frame


class Filled(HwEnum, repr=u32):
    """What became of a frame."""

    GIVEN = 0
    NO_ROOM = 1  # it stays: the driver has to give more buffers
    TOO_LONG = 2  # it does not fit into what a driver gives for one
    BROKEN = 3


@fn
def receive(device: VirtioDevice, port: SwitchPort, memory: GuestMemory, chain: Chain) -> Served:
    """A burst of what waits in the port's ring."""
    left = u64(BURST)
    while left != 0:
        head = ring_peek(port.ring)
        if head is None:
            return Served.EMPTY
        frame = frame_of(head, head.bytes)
        cost = Local(Cost)
        cost.bytes = CHAIN_COST
        match give_next(device, port, head, frame, memory, chain, cost):
            case Filled.BROKEN:
                return Served.BROKEN
            case Filled.NO_ROOM:
                return Served.EMPTY
            case _:
                left = left.saturating_sub(cost.bytes)
    return Served.MORE


class Cost(Struct):
    """Of what was done, in bytes that could be moved meanwhile."""

    bytes: Field[u64]


@fn
def drop_next(device: VirtioDevice, port: SwitchPort, head: FrameHead) -> None:
    """Done with it."""
    ring_drop(port.ring, head)
    device.net.cut = 0


@fn
def give_next(
    device: VirtioDevice,
    port: SwitchPort,
    head: FrameHead,
    frame: Span,
    memory: GuestMemory,
    chain: Chain,
    cost: Cost,
) -> Filled:
    """The next frame, or the next piece of it for a driver that does not take it whole."""
    header = head.header
    if header.gso_type != GSO_NONE:
        whole = u64(GUEST_TSO4) if header.gso_type == GSO_TCPV4 else u64(GUEST_TSO6)
        if not device_accepted(device, whole):
            return give_segment(device, port, head, frame, memory, chain, cost)
    elif header.flags != 0 and not device_accepted(device, u64(GUEST_CSUM)):
        if complete_checksum(frame, u32(header.csum_start), u32(header.csum_offset)):
            header.zero()
    filled = fill_buffers(device, queue_for(device, head.flow), header, frame, memory, chain, cost)
    if filled == Filled.GIVEN:
        count_received(port, head.bytes)
    elif filled == Filled.TOO_LONG:
        count_drop(port, Drop.TOO_LONG)
    if filled == Filled.GIVEN or filled == Filled.TOO_LONG:
        drop_next(device, port, head)
    return filled


@fn
def give_segment(
    device: VirtioDevice,
    port: SwitchPort,
    head: FrameHead,
    frame: Span,
    memory: GuestMemory,
    chain: Chain,
    cost: Cost,
) -> Filled:
    """The next piece of a frame that is to be cut."""
    cut = Local(Cut)
    if not find_headers(cut, frame, head.header) or device.net.cut >= head.bytes - cut.data:
        count_drop(port, Drop.UNCUT)
        drop_next(device, port, head)
        return Filled.TOO_LONG
    most = u32(head.header.gso_size)
    into = span_at(port.staging, usize(STAGING_BYTES))
    length, data = build_segment(cut, frame, device.net.cut, most, into)
    plain = Local(VirtioNetHeader)
    piece = into.slice(usize(0), usize(length))
    filled = fill_buffers(device, queue_for(device, head.flow), plain, piece, memory, chain, cost)
    if filled == Filled.GIVEN:
        count_received(port, length)
        device.net.cut = device.net.cut + data
    elif filled == Filled.TOO_LONG:
        count_drop(port, Drop.TOO_LONG)
    if filled == Filled.TOO_LONG or device.net.cut >= head.bytes - cut.data:
        drop_next(device, port, head)
    return filled


@fn
def count_received(port: SwitchPort, bytes: u32) -> None:
    """The driver has one frame more."""
    port.received = port.received.wrapping_add(1)
    port.received_bytes = port.received_bytes.wrapping_add(u64(bytes))


@fn
def queue_for(device: VirtioDevice, flow: u32) -> Virtqueue:
    """That of the pair by which the guest sends such frames (5.1.6.5.6), if it is in use."""
    net = device.net
    pair = u32(net.steering[flow % FLOWS])
    queue = device.queues[(2 * pair + RECEIVE) & (QUEUES - 1)]
    return queue if pair < net.pairs and queue.enabled else device.queues[RECEIVE]


@fn
def fill_buffers(
    device: VirtioDevice,
    queue: Virtqueue,
    header: VirtioNetHeader,
    frame: Span,
    memory: GuestMemory,
    chain: Chain,
    cost: Cost,
) -> Filled:
    """Write header and frame into one chain, or as many as needed with MRG_RXBUF; the driver sees all of them at once
    (5.1.6.4), or none."""
    first_available, first_used = queue.next_available, queue.next_used
    most = u32(1)
    if device_accepted(device, u64(MRG_RXBUF)):
        most = min(queue.size, u32(MERGED_MAX))
    header.num_buffers = 1
    low, high = Gpa(0), Gpa(0)
    number = u32(0)
    done = u64(0)
    filled = Filled.TOO_LONG
    while number < most and filled == Filled.TOO_LONG:
        chain_head = next_head(device, queue, memory)
        if isinstance(chain_head, RingStop):
            filled = Filled.NO_ROOM if chain_head == RingStop.EMPTY else Filled.BROKEN
            break
        if not chain_read(chain, queue, memory, chain_head, device_accepted(device, u64(INDIRECT_DESCRIPTORS))):
            filled = Filled.BROKEN
            break
        cost.bytes = cost.bytes + u64(chain.segment_count) * SEGMENT_COST
        start = u64(0)
        if number == 0:
            low, _ = chain_piece(chain, u64(BUFFERS_AT), True)
            high, _ = chain_piece(chain, u64(BUFFERS_AT + 1), True)
            start = u64(NET_HEADER_BYTES)
            if chain.writable < start or not chain_put(chain, memory, u64(0), span_of(header)):
                filled = Filled.BROKEN
                break
        here = min(chain.writable - start, u64(len(frame)) - done)
        if chain.writable == 0 or not chain_put(chain, memory, start, frame.slice(usize(done), usize(here))):
            filled = Filled.BROKEN
            break
        queue_take(queue)
        if not queue_enter(queue, memory, chain_head, u32.trunc(start + here)):
            filled = Filled.BROKEN
            break
        done = done + here
        number = number + 1
        cost.bytes = cost.bytes + here
        if done == u64(len(frame)):
            filled = Filled.GIVEN
    if filled != Filled.GIVEN:
        queue.next_available = first_available
        queue.next_used = first_used
        return filled
    if number > 1:
        sound = write_u8(memory, low, u8.trunc(number)) is None and write_u8(memory, high, u8(0)) is None
        if not sound:
            return Filled.BROKEN
    return Filled.GIVEN if queue_publish(queue, memory) else Filled.BROKEN
