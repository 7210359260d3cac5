"""A virtio block device that has been reset is set up: at the start, and after each failure."""

from __future__ import annotations

from codegen.lang import fn, range, u16
from drivers.storage.virtio.state import VirtioBlock
from drivers.virtio.status import EVENT_INDEX
from drivers.virtio.transport import (
    transport_accept,
    transport_offered,
    transport_queue,
    transport_run,
    transport_vector,
)


@fn(cold=True)
def block_set_up(block: VirtioBlock) -> bool:
    """After a reset, with nothing on its way: the features and queues as before. False when the device is another
    one now."""
    transport = block.transport
    features = transport.features
    if features & ~transport_offered(transport) != 0 or not transport_accept(transport, features):
        return False
    return block_open(block)


@fn(cold=True)
def block_open(block: VirtioBlock) -> bool:
    """From accepted features to a device that runs; its queues have memory."""
    transport = block.transport
    for number in range(block.queue_count):
        lane = block.queues[number]
        lane.busy = 0
        lane.ring.event_index = transport.features & EVENT_INDEX != 0
        if not transport_queue(transport, lane.ring, u16(number), transport_vector(transport, number)):
            return False
    transport_run(transport)
    return True
