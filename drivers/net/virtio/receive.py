"""Frames that a virtio network device has received."""

from __future__ import annotations

from codegen.lang import fn, phys_span, range, u16, u32, u64
from drivers.net.frame import HEADER_BYTES as ETHERNET_BYTES
from drivers.net.frame import SEGMENT_NONE, Frame
from drivers.net.virtio.state import (
    FRAME_AT,
    HEADER_BYTES,
    NETS,
    NONE,
    RECEIVE_SLOTS,
    RECEIVED_MAX,
    VirtioNet,
    receive_buffer,
)
from drivers.virtio.driver_queue import queue_arm, queue_is_idle, queue_offer, queue_take, queue_taken_bytes
from drivers.virtio.transport import transport_runs


@fn(hot=True)
def virtio_net_receive(controller: u32, frame: Frame) -> bool:
    """The next frame, whole; it stays until virtio_net_receive_done, one at a time. After False the device interrupts
    when there is another one."""
    net = NETS.nets[controller]
    if net.held != NONE:
        return False
    for _ in range(u32(RECEIVE_SLOTS)):
        if not transport_runs(net.transport):
            return False
        ring = net.receive_ring
        if queue_is_idle(ring) and queue_arm(ring):
            return False
        slot = queue_take(ring)
        bytes = queue_taken_bytes(ring)
        if slot >= RECEIVE_SLOTS or net.given >> u64(slot & 63) & 1 == 0 or bytes > RECEIVED_MAX:
            break
        net.given = net.given & ~(u64(1) << u64(slot))
        net.transport.fruitless = 0
        if bytes >= HEADER_BYTES + ETHERNET_BYTES:
            net.held = slot
            bytes -= HEADER_BYTES
            frame.at = phys_span(receive_buffer(net, slot) + FRAME_AT, u64(bytes)).address()
            frame.bytes = bytes
            frame.checksum_wanted = False
            frame.checksum_good = False  # nothing of that was negotiated: the device neither checks nor leaves out
            frame.segment = SEGMENT_NONE
            return True
        net.runts = net.runts.wrapping_add(1)
        give_back(net, slot)
    net.nonsense = net.nonsense.wrapping_add(1)  # or a ring full of runts at once
    net.transport.broken = True
    return False


@fn(hot=True)
def virtio_net_receive_done(controller: u32) -> None:
    """The frame that was received last is not needed any more."""
    net = NETS.nets[controller]
    slot = net.held
    if slot == NONE:
        return
    net.held = NONE
    if transport_runs(net.transport):  # else the set-up gives it
        give_back(net, slot)


@fn
def give_back(net: VirtioNet, slot: u32) -> None:
    """To the device, which may receive into it."""
    net.given = net.given | u64(1) << u64(slot)
    queue_offer(net.receive_ring, u16(slot))
