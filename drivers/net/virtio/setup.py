"""A virtio network device that has been reset is set up: at the start, and after each failure."""

from __future__ import annotations

from codegen.lang import fn, range, u16, u32, u64
from drivers.net.virtio.receive import give_back
from drivers.net.virtio.state import HEADER_AT, RECEIVED_MAX, VirtioNet, receive_buffer
from drivers.virtio.driver_queue import put_descriptor, queue_hush, queue_table
from drivers.virtio.net import RECEIVE_QUEUE, TRANSMIT_QUEUE
from drivers.virtio.ring import DescriptorFlags
from drivers.virtio.status import EVENT_INDEX
from drivers.virtio.transport import (
    transport_accept,
    transport_configuration_vector,
    transport_has,
    transport_offered,
    transport_queue,
    transport_run,
    transport_vector,
)


@fn(cold=True)
def net_set_up(net: VirtioNet) -> bool:
    """After a reset: the features and queues as before. False when the device is another one now."""
    transport = net.transport
    features = transport.features
    if features & ~transport_offered(transport) != 0 or not transport_accept(transport, features):
        return False
    return net_open(net)


@fn(cold=True)
def net_open(net: VirtioNet) -> bool:
    """From accepted features to a device that runs, and has all buffers for receiving but the one that is `held`. All
    it tells of is vector 0."""
    transport = net.transport
    vector = transport_vector(transport, u32(0))
    event_index = transport_has(transport, u64(EVENT_INDEX))
    net.receive_ring.event_index = event_index
    net.send_ring.event_index = event_index
    net.given = 0
    net.sending = 0
    net.watched = 0
    if not transport_configuration_vector(transport, vector):
        return False
    if not transport_queue(transport, net.receive_ring, u16(RECEIVE_QUEUE), vector):
        return False
    if not transport_queue(transport, net.send_ring, u16(TRANSMIT_QUEUE), vector):
        return False
    queue_hush(net.send_ring)
    transport_run(transport)
    table = queue_table(net.receive_ring)
    for slot in range(net.receive_ring.size):
        address = u64(receive_buffer(net, slot)) + HEADER_AT
        put_descriptor(table, u64(slot), address, u32(RECEIVED_MAX), DescriptorFlags(write=True), u16(0))
    for slot in range(net.receive_ring.size):
        if slot != net.held:
            give_back(net, slot)
    return True
