"""Commands on their way to a virtio block device: checked against the disk's limits, and described to it."""

from __future__ import annotations

from codegen.lang import Hpa, fn, phys, range, u8, u16, u32, u64
from drivers.storage.command import (
    COMMANDS,
    SECTOR,
    BlockCommand,
    BlockOperation,
    BlockOutcome,
)
from drivers.storage.disk import DISKS, Disk, disk_has
from drivers.storage.virtio.request import (
    REQUEST_BYTES,
    RUN_AT,
    RUN_BYTES,
    Request,
    request_close,
    request_open,
)
from drivers.storage.virtio.state import BLOCKS, BlockQueue, VirtioBlock
from drivers.virtio.block import BlockRequest
from drivers.virtio.driver_queue import put_descriptor, queue_offer, queue_table
from drivers.virtio.ring import DescriptorFlags
from drivers.virtio.transport import Life, transport_runs

INDIRECT = DescriptorFlags(indirect=True)


@fn(hot=True)
def virtio_block_submit(command: u32, queue: u32) -> bool:
    """Give COMMANDS[command] to its disk by this queue; collect gives it back. False when there is no room now, also
    while the device is being reset: the command is still the caller's. One that the disk cannot do, or whose disk is
    gone, is taken, and collect gives it back at once: no interrupt tells of it, virtio_block_tick does."""
    asked = COMMANDS[command]
    disk = DISKS.disks[asked.disk]
    block = BLOCKS.blocks[disk.controller]
    lane = block.queues[queue]
    if not transport_runs(block.transport):
        return block.transport.life == Life.GONE and end_at_once(lane, command, BlockOutcome.GONE)
    free = ~lane.busy & lane.slots
    if free == 0:
        return False
    slot = free.trailing_zeros()
    request = lane.requests + u64(slot) * REQUEST_BYTES
    first = u16.trunc(u32(slot) << lane.shift)
    indirect = lane.shift == 0
    table = request if indirect else queue_table(lane.ring)
    parts = describe(block, disk, asked, request, table, u16(0) if indirect else first)
    if parts < 2:
        refused = parts == REFUSED
        return end_at_once(lane, command, BlockOutcome.REFUSED if refused else BlockOutcome.DONE)
    if indirect:
        put_descriptor(queue_table(lane.ring), u64(first), u64(request), parts * 16, INDIRECT, u16(0))
    asked.outcome = BlockOutcome.PENDING
    lane.commands[slot] = u8.trunc(command)
    lane.busy = lane.busy | u64(1) << u64(slot)
    queue_offer(lane.ring, first)
    return True


REFUSED, NOTHING = 0, 1


@fn
def describe(block: VirtioBlock, disk: Disk, asked: BlockCommand, request: Hpa, table: Hpa, first: u16) -> u32:
    """The descriptors of a chain from `first` on, and how many: REFUSED, or NOTHING to be done."""
    match asked.operation:
        case BlockOperation.READ:
            return describe_data(disk, asked, request, table, first, BlockRequest.READ)
        case BlockOperation.WRITE:
            if disk.read_only:
                return u32(REFUSED)
            return describe_data(disk, asked, request, table, first, BlockRequest.WRITE)
        case BlockOperation.FLUSH:
            if not disk.caches_writes:
                return u32(NOTHING)
            request_open(request, BlockRequest.FLUSH, u64(0), table, first)
            request_close(request, table, first.wrapping_add(1))
            return u32(2)
        case BlockOperation.DISCARD:
            possible = disk.discards and asked.sectors <= block.discard_max
            return describe_run(disk, asked, request, table, first, BlockRequest.DISCARD) if possible else u32(REFUSED)
        case BlockOperation.WRITE_ZEROES:
            possible = disk.zeroes and asked.sectors <= block.zero_max
            kind = BlockRequest.WRITE_ZEROES
            return describe_run(disk, asked, request, table, first, kind) if possible else u32(REFUSED)


@fn(inline=True, unchecked=True)
def describe_data(disk: Disk, asked: BlockCommand, request: Hpa, table: Hpa, first: u16, kind: BlockRequest) -> u32:
    """READ or WRITE."""
    segments = asked.segment_count
    if segments > disk.segments_max or asked.sectors == 0 or not disk_has(disk, asked.sector, asked.sectors):
        return u32(REFUSED)
    request_open(request, kind, asked.sector, table, first)
    flags = DescriptorFlags(next=True, write=kind == BlockRequest.READ)
    limit = disk.address_limit
    most = u64(disk.bytes_max)
    bytes = u64(0)
    at = u32(first)
    for i in range(segments):
        segment = asked.segments[i]
        length = segment.bytes
        address = u64(segment.hpa)
        bytes += u64(length)
        if length == 0 or length % SECTOR != 0 or bytes > most or address >= limit or limit - address < u64(length):
            return u32(REFUSED)
        at += 1
        put_descriptor(table, u64(at), address, length, flags, u16.trunc(at + 1))
    if bytes != u64(asked.sectors) * SECTOR:
        return u32(REFUSED)
    request_close(request, table, u16.trunc(at + 1))
    return segments + 2


@fn
def describe_run(disk: Disk, asked: BlockCommand, request: Hpa, table: Hpa, first: u16, kind: BlockRequest) -> u32:
    """DISCARD or WRITE_ZEROES of one run of sectors."""
    if disk.read_only or asked.sectors == 0 or not disk_has(disk, asked.sector, asked.sectors):
        return u32(REFUSED)
    request_open(request, kind, u64(0), table, first)
    run = phys(Request, request).run
    run.sector = asked.sector
    run.sectors = asked.sectors
    run.flags = 0
    second = first.wrapping_add(1)
    flags = DescriptorFlags(next=True)
    put_descriptor(table, u64(second), u64(request) + RUN_AT, u32(RUN_BYTES), flags, second.wrapping_add(1))
    request_close(request, table, second.wrapping_add(1))
    return u32(3)


@fn
def end_at_once(lane: BlockQueue, command: u32, outcome: BlockOutcome) -> bool:
    """True: taken, and over."""
    COMMANDS[command].outcome = outcome
    lane.ended = lane.ended | u64(1) << u64(command)
    return True
