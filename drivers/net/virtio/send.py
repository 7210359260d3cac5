"""Frames on their way out by a virtio network device."""

from __future__ import annotations

from codegen.lang import Hva, fn, phys, phys_span, u16, u32, u64
from drivers.net.frame import FRAME_BYTES, SEGMENT_NONE, SEGMENT_TCP4, SEGMENT_TCP6, Frame
from drivers.net.frame import HEADER_BYTES as ETHERNET_BYTES
from drivers.net.port import NET
from drivers.net.virtio.state import FRAME_AT, HEADER_AT, HEADER_BYTES, NETS, NONE, VirtioNet, send_buffer
from drivers.virtio.driver_queue import (
    put_descriptor,
    queue_arm,
    queue_hush,
    queue_is_idle,
    queue_offer,
    queue_table,
    queue_take,
)
from drivers.virtio.net import NEEDS_CSUM, VirtioNetHeader
from drivers.virtio.ring import DescriptorFlags
from drivers.virtio.transport import transport_runs


@fn(hot=True)
def virtio_net_room(controller: u32) -> Hva | None:
    """Where the next frame is to be written: FRAME_BYTES, or 65550 bytes when the port cuts segments. The same place
    until virtio_net_send. After None the device interrupts when there is room again, unless it is being reset or is
    gone."""
    net = NETS.nets[controller]
    if not transport_runs(net.transport):
        return None
    if net.room == NONE:
        free = ~net.sending & net.send_slots
        while free == 0:
            if queue_is_idle(net.send_ring) and queue_arm(net.send_ring):
                return None
            if not reclaim(net):
                return None
            free = ~net.sending & net.send_slots
        net.room = u32(free.trailing_zeros())
    return phys_span(send_buffer(net, net.room) + FRAME_AT, u64(FRAME_BYTES)).address()


@fn(hot=True)
def virtio_net_send(controller: u32, frame: Frame) -> None:
    """Send the frame that was written to where virtio_net_room said. One that asks for what the port cannot is dropped,
    as is each while the device is being reset."""
    net = NETS.nets[controller]
    slot = net.room
    if slot == NONE or not transport_runs(net.transport):
        return
    buffer = send_buffer(net, slot)
    here = frame.at == phys_span(buffer + FRAME_AT, u64(FRAME_BYTES)).address()
    if not here or not can_send(net, frame):
        net.refused = net.refused.wrapping_add(1)
        return
    header = phys(VirtioNetHeader, buffer + HEADER_AT)
    header.zero()
    if frame.checksum_wanted:
        header.flags = NEEDS_CSUM
        header.csum_start = frame.checksum_start
        header.csum_offset = frame.checksum_offset
    if frame.segment != SEGMENT_NONE:
        header.gso_type = frame.segment
        header.hdr_len = frame.header_bytes
        header.gso_size = frame.segment_bytes
    table = queue_table(net.send_ring)
    put_descriptor(table, u64(slot), u64(buffer) + HEADER_AT, frame.bytes + HEADER_BYTES, DescriptorFlags(), u16(0))
    net.room = NONE
    net.sending = net.sending | u64(1) << u64(slot)
    queue_offer(net.send_ring, u16(slot))


@fn
def can_send(net: VirtioNet, frame: Frame) -> bool:
    """Whether it asks for nothing but what its port has, and its numbers lie within it."""
    port = NET.ports[net.port]
    bytes = frame.bytes
    if bytes < ETHERNET_BYTES:
        return False
    if frame.checksum_wanted:
        end = u32(frame.checksum_start) + u32(frame.checksum_offset) + 2
        if not port.checksums or end > bytes:
            return False
    if frame.segment == SEGMENT_NONE:
        return bytes <= FRAME_BYTES
    if not port.segments or not frame.checksum_wanted or bytes > net.frame_max:
        return False
    known = frame.segment == SEGMENT_TCP4 or frame.segment == SEGMENT_TCP6
    return known and frame.segment_bytes != 0 and u32(frame.header_bytes) <= bytes


@fn
def reclaim(net: VirtioNet) -> bool:
    """Take the next buffer that the device has sent, of a ring that is not idle. False when it says nonsense."""
    ring = net.send_ring
    if ring.armed:
        queue_hush(ring)
    slot = queue_take(ring)
    if slot >= 64 or net.sending >> u64(slot & 63) & 1 == 0:
        net.nonsense = net.nonsense.wrapping_add(1)
        net.transport.broken = True
        return False
    bit = u64(1) << u64(slot)
    net.sending = net.sending & ~bit
    net.watched = net.watched & ~bit
    net.transport.fruitless = 0
    return True


@fn(cold=True)
def reclaim_all(net: VirtioNet) -> None:
    """All that the device has sent until now: no more than it had."""
    while transport_runs(net.transport) and not queue_is_idle(net.send_ring):
        if not reclaim(net):
            return
