"""Starting virtio network devices."""

from __future__ import annotations

from codegen.lang import Array, Field, Local, Struct, count, fn, min, range, u8, u16, u32, u64
from drivers.host import device_memory
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.net.fault import NetFault
from drivers.net.frame import FRAME_BYTES
from drivers.net.port import MAC_BYTES, NET, NetDriver, net_port_add
from drivers.net.virtio.setup import net_open
from drivers.net.virtio.state import (
    BUFFER_BYTES,
    NETS,
    NETS_MAX,
    NONE,
    RECEIVE_SLOTS,
    SEGMENT_BUFFER_BYTES,
    SEGMENT_BYTES_MAX,
    SEGMENT_SLOTS,
    SEND_SLOTS,
    VirtioNet,
)
from drivers.net.virtio.tick import link_is_up
from drivers.pci.functions import PciFunction, PciOwner
from drivers.pci.quiet import pci_take
from drivers.virtio import net as features
from drivers.virtio.configuration import configuration8
from drivers.virtio.net import RECEIVE_QUEUE, TRANSMIT_QUEUE, VirtioNetConfiguration
from drivers.virtio.ring import RING_BYTES
from drivers.virtio.status import ACCESS_PLATFORM, EVENT_INDEX, VERSION_1, DeviceType
from drivers.virtio.transport import (
    ADDRESS_LIMIT,
    transport_accept,
    transport_bind,
    transport_connect,
    transport_has,
    transport_offered,
    transport_queue_size,
    transport_reset,
    transport_stop,
)
from drivers.virtio.windows import virtio_is, windows_of

# Not GUEST_CSUM: with it the device may leave out checksums, and a received Frame is whole. Not MRG_RXBUF, which is for
# frames larger than a buffer: no such are received without GUEST_TSO4 and the like.
WANTED = VERSION_1 | ACCESS_PLATFORM | EVENT_INDEX | features.MAC | features.STATUS | features.CSUM
SEGMENTS = features.HOST_TSO4 | features.HOST_TSO6
GROUP_BIT = 1  # of a MAC's first byte: not one station's
ALL_SLOTS = (1 << 64) - 1


class MacAddress(Struct):
    """As the device says."""

    bytes: Array[u8] = count(MAC_BYTES)
    sum: Field[u32]  # of the bytes


@fn(cold=True)
def virtio_net_start(function: PciFunction) -> NetFault | None:
    """Make a port of a virtio network device. The function's usable BARs in memory are mapped. On the first processor,
    while nobody uses ports. A device that does not start does no DMA."""
    if not virtio_is(function, DeviceType.NETWORK):
        return NetFault.UNSUPPORTED
    if NETS.net_count >= NETS_MAX:
        return NetFault.NO_ROOM
    net = NETS.nets[NETS.net_count]
    net.zero()
    transport = net.transport
    if not windows_of(transport.windows, function):
        return NetFault.NO_REGISTERS
    if not pci_take(function, PciOwner.VIRTIO):
        return NetFault.TAKEN
    transport_bind(transport, function)
    fault = start_taken(net, function)
    if fault is not None:
        transport_stop(transport)
        net.zero()
        return fault
    NETS.net_count += 1
    return None


@fn(cold=True)
def start_taken(net: VirtioNet, function: PciFunction) -> NetFault | None:
    """From a device that is ours to a port in the table."""
    transport = net.transport
    if not transport_reset(transport):
        return NetFault.TIMED_OUT
    offered = transport_offered(transport)
    wanted = offered & WANTED
    segments = offered & SEGMENTS == SEGMENTS and offered & features.CSUM != 0
    if segments:
        wanted = wanted | SEGMENTS
    if not transport_accept(transport, wanted) or not transport_has(transport, u64(features.MAC)):
        return NetFault.UNSUPPORTED
    mac = Local(MacAddress)
    for i in range(u32(MAC_BYTES)):
        mac.bytes[i] = configuration8(transport, VirtioNetConfiguration.mac.offset + i)
        mac.sum += u32(mac.bytes[i])
    if mac.sum == 0 or mac.bytes[0] & GROUP_BIT != 0:
        return NetFault.FAILED
    fault = make_queues(net, u16.trunc(u32(function.place)), segments)
    if fault is not None:
        return fault
    if not net_open(net):
        return NetFault.FAILED
    number = NET.port_count
    port = net_port_add(NetDriver.VIRTIO, u8(NETS.net_count))
    if port is None:
        return NetFault.NO_ROOM
    net.port = u16(number)
    port.requester = u16.trunc(u32(function.place))
    port.checksums = transport_has(transport, u64(features.CSUM))
    port.segments = segments
    port.link = link_is_up(net)
    for i in range(u32(MAC_BYTES)):
        port.mac[i] = mac.bytes[i]
    return None


@fn(cold=True)
def make_queues(net: VirtioNet, requester: u16, segments: bool) -> NetFault | None:
    """Memory for the queues and their buffers."""
    slots = u32(SEGMENT_SLOTS) if segments else u32(SEND_SLOTS)
    net.frame_max = u32(SEGMENT_BYTES_MAX) if segments else u32(FRAME_BYTES)
    net.send_buffer_bytes = u32(SEGMENT_BUFFER_BYTES) if segments else u32(BUFFER_BYTES)
    net.receive_ring.size = min(transport_queue_size(net.transport, u16(RECEIVE_QUEUE)), u32(RECEIVE_SLOTS))
    net.send_ring.size = min(transport_queue_size(net.transport, u16(TRANSMIT_QUEUE)), slots)
    if net.receive_ring.size == 0 or net.send_ring.size == 0:
        return NetFault.UNSUPPORTED
    net.send_slots = u64(ALL_SLOTS) >> u64(64 - net.send_ring.size)
    net.held = NONE
    net.room = NONE
    received = u64(net.receive_ring.size) * BUFFER_BYTES
    sent = u64(net.send_ring.size) * u64(net.send_buffer_bytes)
    memory = device_memory(requester, received + sent + 2 * RING_BYTES, u64(ADDRESS_LIMIT))
    if memory is None:
        return NetFault.NO_MEMORY
    net.receive_ring.base = memory
    net.send_ring.base = memory + RING_BYTES
    net.receive_buffers = memory + 2 * RING_BYTES
    net.send_buffers = net.receive_buffers + received
    return None


@fn(cold=True)
def virtio_net_connect(controller: u32, address: MessageAddress, data: MessageData) -> bool:
    """The device's one interrupt: frames received since receive gave False, room since there was none, the link. False
    when it has no MSI-X: receive and tick work all the same."""
    return controller < NETS.net_count and transport_connect(NETS.nets[controller].transport, u32(0), address, data)
