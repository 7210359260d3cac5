"""Starting virtio block devices: what the device says of itself becomes the disk's limits, after checks."""

from __future__ import annotations

from codegen.lang import Local, fn, max, min, range, u8, u16, u32, u64
from drivers.host import device_memory
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.functions import PciFunction, PciOwner
from drivers.pci.quiet import pci_take
from drivers.storage.command import SECTOR, SEGMENTS_MAX
from drivers.storage.disk import DISKS, Disk, DiskDriver, disk_add
from drivers.storage.fault import StorageFault
from drivers.storage.virtio.identity import read_serial
from drivers.storage.virtio.request import REQUEST_BYTES
from drivers.storage.virtio.setup import block_open
from drivers.storage.virtio.state import BLOCKS, BLOCKS_MAX, QUEUES_MAX, SLOTS_MAX, VirtioBlock
from drivers.virtio import block as features
from drivers.virtio.block import BlockConfiguration
from drivers.virtio.configuration import configuration16, configuration32, configuration64
from drivers.virtio.ring import RING_BYTES, RING_MAX
from drivers.virtio.status import ACCESS_PLATFORM, EVENT_INDEX, INDIRECT_DESCRIPTORS, VERSION_1, DeviceType
from drivers.virtio.transport import (
    ADDRESS_LIMIT,
    VirtioTransport,
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

WANTED = (
    VERSION_1
    | ACCESS_PLATFORM
    | INDIRECT_DESCRIPTORS
    | EVENT_INDEX
    | features.SIZE_MAX
    | features.SEGMENTS_MAX
    | features.READ_ONLY
    | features.BLOCK_SIZE
    | features.FLUSH
    | features.MULTIPLE_QUEUES
    | features.DISCARD
    | features.WRITE_ZEROES
)
BYTES_MAX = 1 << 20  # of a command's data
BLOCK_MAX = 4096
CAPACITY_MAX = 1 << 54  # sectors: bytes fit a u64
RUN_MIN = (64 << 20) // SECTOR  # a disk that discards or zeroes takes so many sectors at once
ALL_SLOTS = (1 << SLOTS_MAX) - 1
CHAIN_MIN = 4  # header, run or segment, status
CHAIN_SHIFT = 4  # without indirect descriptors a slot has 16


@fn(cold=True)
def virtio_block_start(function: PciFunction, queues: u32) -> StorageFault | None:
    """Make a disk of a virtio block device, with up to `queues` queues. The function's usable BARs in memory are
    mapped. On the first processor, while nobody uses disks. A device that does not start does no DMA."""
    if not virtio_is(function, DeviceType.BLOCK):
        return StorageFault.UNSUPPORTED
    if BLOCKS.block_count >= BLOCKS_MAX:
        return StorageFault.NO_ROOM
    block = BLOCKS.blocks[BLOCKS.block_count]
    block.zero()
    transport = block.transport
    if not windows_of(transport.windows, function):
        return StorageFault.NO_REGISTERS
    if not pci_take(function, PciOwner.VIRTIO):
        return StorageFault.TAKEN
    transport_bind(transport, function)
    fault = start_taken(block, function, queues)
    if fault is not None:
        transport_stop(transport)
        block.zero()
        return fault
    BLOCKS.block_count += 1
    return None


@fn(cold=True)
def start_taken(block: VirtioBlock, function: PciFunction, queues: u32) -> StorageFault | None:
    """From a device that is ours to a disk in the table."""
    transport = block.transport
    if not transport_reset(transport):
        return StorageFault.TIMED_OUT
    if not transport_accept(transport, transport_offered(transport) & WANTED):
        return StorageFault.UNSUPPORTED
    disk = Local(Disk)
    if not read_limits(block, disk):
        return StorageFault.UNSUPPORTED
    block.queue_count = queues_of(transport, queues)
    for number in range(block.queue_count):
        fault = make_queue(block, disk, number, function)
        if fault is not None:
            return fault
    if not block_open(block):
        return StorageFault.FAILED
    fault = read_serial(block, disk)
    if fault is not None:
        return fault
    return add_disk(block, disk, function)


@fn(cold=True)
def queues_of(transport: VirtioTransport, wanted: u32) -> u32:
    """How many: each has a vector of its own, if the device has vectors."""
    there = u32(1)
    if transport_has(transport, u64(features.MULTIPLE_QUEUES)):
        there = u32(configuration16(transport, u32(BlockConfiguration.queues.offset)))
    if transport.vector_count != 0:
        there = min(there, transport.vector_count)
    return max(min(min(there, wanted), u32(QUEUES_MAX)), u32(1))


@fn(cold=True)
def make_queue(block: VirtioBlock, disk: Disk, number: u32, function: PciFunction) -> StorageFault | None:
    """Memory for a queue, and its slots; `disk.segments_max` becomes what a slot can hold. A chain is never longer than
    its queue, be it indirect (2.7.5.3.1)."""
    transport = block.transport
    lane = block.queues[number]
    most = transport_queue_size(transport, u16(number))
    if transport_has(transport, u64(INDIRECT_DESCRIPTORS)):
        lane.ring.size = min(most, u32(SLOTS_MAX))
        lane.shift = 0
        chain = lane.ring.size
    else:
        lane.ring.size = min(most, u32(RING_MAX))
        lane.shift = min(lane.ring.size.trailing_zeros(), u32(CHAIN_SHIFT))
        chain = u32(1) << lane.shift
    if chain < CHAIN_MIN:
        return StorageFault.UNSUPPORTED
    disk.segments_max = min(disk.segments_max, chain - 2)
    slots = min(lane.ring.size >> lane.shift, u32(SLOTS_MAX))
    lane.slots = u64(ALL_SLOTS) >> u64(SLOTS_MAX - slots)
    bytes = u64(slots) * REQUEST_BYTES + RING_BYTES
    memory = device_memory(u16.trunc(u32(function.place)), bytes, u64(ADDRESS_LIMIT))
    if memory is None:
        return StorageFault.NO_MEMORY
    lane.ring.base = memory
    lane.requests = memory + RING_BYTES
    return None


@fn(cold=True)
def read_limits(block: VirtioBlock, disk: Disk) -> bool:
    """What the device says of itself. False when no disk can be so."""
    transport = block.transport
    disk.block = SECTOR
    if transport_has(transport, u64(features.BLOCK_SIZE)):
        disk.block = configuration32(transport, u32(BlockConfiguration.block_size.offset))
    if disk.block < SECTOR or disk.block > BLOCK_MAX or disk.block.count_ones() != 1:
        return False
    capacity = configuration64(transport, u32(BlockConfiguration.capacity.offset))
    if capacity > CAPACITY_MAX:
        return False
    disk.sectors = capacity - capacity % u64(disk.block // SECTOR)
    disk.bytes_max = BYTES_MAX
    if transport_has(transport, u64(features.SIZE_MAX)):  # no segment is larger when the whole is not
        size = configuration32(transport, u32(BlockConfiguration.size_max.offset))
        disk.bytes_max = min(u32(BYTES_MAX), size - size % disk.block)
    segments = u32(1)
    if transport_has(transport, u64(features.SEGMENTS_MAX)):
        segments = max(configuration32(transport, u32(BlockConfiguration.segments_max.offset)), segments)
    disk.segments_max = min(segments, u32(SEGMENTS_MAX))
    disk.address_limit = ADDRESS_LIMIT
    disk.read_only = transport_has(transport, u64(features.READ_ONLY))
    disk.caches_writes = transport_has(transport, u64(features.FLUSH))
    block.discard_max = run_of(transport, u64(features.DISCARD), u32(BlockConfiguration.discard_sectors.offset))
    block.zero_max = run_of(transport, u64(features.WRITE_ZEROES), u32(BlockConfiguration.zero_sectors.offset))
    disk.discards = block.discard_max >= RUN_MIN and not disk.read_only
    disk.zeroes = block.zero_max >= RUN_MIN and not disk.read_only
    return disk.bytes_max != 0


@fn(cold=True)
def run_of(transport: VirtioTransport, feature: u64, offset: u32) -> u32:
    """How many sectors one request discards or makes zero; 0 without the feature."""
    return configuration32(transport, offset) if transport_has(transport, feature) else u32(0)


@fn(cold=True)
def add_disk(block: VirtioBlock, found: Disk, function: PciFunction) -> StorageFault | None:
    """Into the table of disks."""
    number = DISKS.disk_count
    controller = u8(BLOCKS.block_count)
    disk = disk_add(DiskDriver.VIRTIO, controller, u32(0))
    if disk is None:
        return StorageFault.NO_ROOM
    found.driver = DiskDriver.VIRTIO
    found.controller = controller
    found.requester = u16.trunc(u32(function.place))
    found.queues = u16(block.queue_count)
    disk.copy_from(found)
    block.disk = u16(number)
    return None


@fn(cold=True)
def virtio_block_connect(controller: u32, queue: u32, address: MessageAddress, data: MessageData) -> bool:
    """The interrupt of one queue; it comes when the queue's next command has ended since collect gave None. False when
    the device has no vector for it: collect works all the same."""
    block = BLOCKS.blocks[controller]
    return queue < block.queue_count and transport_connect(block.transport, queue, address, data)
