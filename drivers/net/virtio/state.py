"""What the driver knows of each network device. The device reaches none of it, but for the buffers."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, fn, storage, u16, u32, u64
from drivers.net.frame import FRAME_BYTES
from drivers.virtio.driver_queue import DriverQueue
from drivers.virtio.transport import VirtioTransport

NETS_MAX = 4
RECEIVE_SLOTS = 64  # bits of a u64
SEND_SLOTS, SEGMENT_SLOTS = 32, 16  # the large buffers are fewer
NONE = 0xFFFF_FFFF  # no slot

# A buffer: padding, so that the frame begins at a multiple of 16; the header; the frame.
HEADER_AT, FRAME_AT = 4, 16
HEADER_BYTES = FRAME_AT - HEADER_AT
BUFFER_BYTES = 2048
SEGMENT_BYTES_MAX = 65550  # of a frame that the device cuts: what IP can hold, behind an Ethernet header
SEGMENT_BUFFER_BYTES = 66 << 10
RECEIVED_MAX = HEADER_BYTES + FRAME_BYTES


class VirtioNet(Struct):
    """One device. Slot n of a ring has descriptor n of it and buffer n."""

    transport: VirtioTransport
    receive_ring: DriverQueue
    send_ring: DriverQueue
    receive_buffers: Field[Hpa]
    send_buffers: Field[Hpa]
    send_buffer_bytes: Field[u32]  # from one to the next
    frame_max: Field[u32]  # bytes of a frame that is sent
    port: Field[u16]  # number in NET
    given: Field[u64]  # set of the buffers for receiving that the device has
    sending: Field[u64]  # the same for sending,
    send_slots: Field[u64]  # and those that exist
    held: Field[u32]  # the buffer whose frame the user reads, or NONE
    room: Field[u32]  # the buffer that the user writes, or NONE
    watched: Field[u64]  # set of those in `sending` that were there at
    watched_at: Field[u64]  # ns of `moment()`
    nonsense: Field[u32]  # buffers given back that the device did not have, or with more in them than fits
    runts: Field[u32]  # received, shorter than a header
    refused: Field[u32]  # that were to be sent, and ask for what the port cannot


class VirtioNets(Struct):
    """All of the machine, in the order in which they were started."""

    net_count: Field[u32]
    nets: Array[VirtioNet] = count(NETS_MAX)


NETS = storage(VirtioNets)


@fn(inline=True, unchecked=True)
def receive_buffer(net: VirtioNet, slot: u32) -> Hpa:
    """Below RECEIVE_SLOTS."""
    return net.receive_buffers + u64(slot) * BUFFER_BYTES


@fn(inline=True, unchecked=True)
def send_buffer(net: VirtioNet, slot: u32) -> Hpa:
    """One that exists."""
    return net.send_buffers + u64(slot) * u64(net.send_buffer_bytes)
