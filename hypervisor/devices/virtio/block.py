"""The block device (virtio 1.2, 5.2). What lies in RAM is done here, in pieces: no guest keeps its processor from
others with a large request. Disks of the machine do the rest (machine_begin.py)."""

from __future__ import annotations

from codegen.lang import Field, Local, Struct, fn, min, sizeof, span_of, u32, u64, usize
from drivers.virtio.block import (
    BLOCK_SIZE,
    DISCARD,
    FLUSH,
    ID_BYTES,
    MULTIPLE_QUEUES,
    READ_ONLY,
    SECTOR,
    SEGMENTS_MAX,
    UNMAP,
    WRITE_ZEROES,
    BlockConfiguration,
    BlockHeader,
    BlockRequest,
    BlockRun,
    BlockStatus,
)
from drivers.virtio.status import EVENT_INDEX, INDIRECT_DESCRIPTORS, VERSION_1
from hypervisor.devices.virtio.chain import SEGMENTS, Chain, chain_piece, chain_put, chain_take
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.disk import GuestDisk, disk_part, disk_start
from hypervisor.devices.virtio.machine_begin import machine_features, machine_flush, machine_move, machine_zero
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory, copy_in, copy_out

BLOCK_QUEUES = 4
PIECE = 64 << 10  # bytes that are moved at once
RUN_SECTORS = (64 << 20) // SECTOR  # that one request may make zero
HEADER_BYTES = sizeof(BlockHeader)
FEATURES = INDIRECT_DESCRIPTORS | EVENT_INDEX | VERSION_1 | SEGMENTS_MAX | BLOCK_SIZE | FLUSH | MULTIPLE_QUEUES


class StatusByte(Struct):
    """What a request ends with."""

    status: Field[BlockStatus]


@fn(cold=True)
def block_start(device: VirtioDevice) -> None:
    """The device of `device.disk`."""
    device.queue_count = BLOCK_QUEUES
    if device.disk.read_only:
        device.offered = u64(FEATURES | READ_ONLY)
    elif device.disk.machine.present:
        device.offered = u64(FEATURES) | machine_features(device.disk.machine)
    else:
        device.offered = u64(FEATURES | DISCARD | WRITE_ZEROES)


@fn(cold=True)
def block_configuration(disk: GuestDisk, config: BlockConfiguration) -> None:
    """What the driver reads."""
    sectors = u32(disk.block // SECTOR)
    config.capacity = disk.bytes // SECTOR
    config.segments_max = SEGMENTS - 2
    config.block_size = disk.block
    config.queues = BLOCK_QUEUES
    config.discard_sectors = RUN_SECTORS
    config.discard_runs = 1
    config.discard_alignment = sectors
    config.zero_sectors = RUN_SECTORS
    config.zero_runs = 1
    config.zero_may_unmap = 1


@fn
def block_work(device: VirtioDevice, chain: Chain, memory: GuestMemory, work: Work) -> bool:
    """One piece of a request. False: it is none, as it has no header or no place for the status, or is not in RAM."""
    header = Local(BlockHeader)
    if chain.writable == 0 or not chain_take(chain, memory, u64(0), span_of(header)):
        return False
    work.finished = True
    status = answer(device, chain, memory, header, work)
    if status is None:
        return False
    if not work.finished:  # with this piece, or it is under way, or has to wait
        return True
    cell = Local(StatusByte)
    cell.status = status
    work.written = work.written.wrapping_add(1)
    return chain_put(chain, memory, chain.writable - 1, span_of(cell))


@fn
def answer(
    device: VirtioDevice, chain: Chain, memory: GuestMemory, header: BlockHeader, work: Work
) -> BlockStatus | None:
    """What the status byte is to say; None: the request is not in RAM."""
    kind = BlockRequest.find(header.type)
    if kind is None:
        return BlockStatus.UNSUPPORTED
    match kind:
        case BlockRequest.READ:
            return move(device, chain, memory, header.sector, True, work)
        case BlockRequest.WRITE:
            return move(device, chain, memory, header.sector, False, work)
        case BlockRequest.FLUSH:
            if device.disk.machine.present:
                return machine_flush(device, chain, memory, work)
            return BlockStatus.OK  # what was written is where it stays
        case BlockRequest.GET_ID:
            return put_id(device.disk, chain, memory, work)
        case BlockRequest.DISCARD | BlockRequest.WRITE_ZEROES:
            return zero(device, chain, memory, kind, work)


@fn
def move(
    device: VirtioDevice, chain: Chain, memory: GuestMemory, sector: u64, reads: bool, work: Work
) -> BlockStatus | None:
    """A piece of the data between the chain and the disk."""
    disk = device.disk
    behind = u64(0) if reads else u64(HEADER_BYTES)
    length = chain.writable - 1 if reads else chain.readable - HEADER_BYTES
    whole = length & (u64(disk.block) - 1) == 0
    if not whole or disk_start(disk, sector, u64(0), length) is None or not reads and disk.read_only:
        return BlockStatus.IO_ERROR
    if disk.machine.present:
        return machine_move(device, chain, memory, sector, length, reads, work)
    stop = min(length, device.done + PIECE)
    while device.done < stop:
        gpa, together = chain_piece(chain, behind + device.done, reads)
        here = min(together, stop - device.done)
        part = disk_part(disk, sector, device.done, here)
        if part is None or here == 0:
            return None
        fault = copy_out(memory, gpa, part) if reads else copy_in(memory, gpa, part)
        if fault is not None:
            return None
        device.done = device.done + here
        work.moved = work.moved + here
    work.finished = device.done >= length  # the driver may have made it shorter meanwhile
    work.written = u32.trunc(length) if reads else u32(0)
    return BlockStatus.OK


@fn
def put_id(disk: GuestDisk, chain: Chain, memory: GuestMemory, work: Work) -> BlockStatus | None:
    """20 bytes."""
    if chain.writable - 1 < ID_BYTES:
        return BlockStatus.IO_ERROR
    serial = span_of(disk).slice(usize(GuestDisk.serial.offset), usize(ID_BYTES))
    work.written = ID_BYTES
    return BlockStatus.OK if chain_put(chain, memory, u64(0), serial) else None


@fn
def zero(device: VirtioDevice, chain: Chain, memory: GuestMemory, kind: BlockRequest, work: Work) -> BlockStatus | None:
    """DISCARD and WRITE_ZEROES of one run: a piece of it becomes zero, as what was discarded reads."""
    run = Local(BlockRun)
    if chain.readable != HEADER_BYTES + sizeof(BlockRun):
        return BlockStatus.IO_ERROR
    if not chain_take(chain, memory, u64(HEADER_BYTES), span_of(run)):
        return None
    if run.flags & ~UNMAP != 0 or kind == BlockRequest.DISCARD and run.flags != 0:
        return BlockStatus.UNSUPPORTED
    length = u64(run.sectors) * SECTOR
    disk = device.disk
    whole = length & (u64(disk.block) - 1) == 0
    if not whole or run.sectors > RUN_SECTORS or disk_start(disk, run.sector, u64(0), length) is None:
        return BlockStatus.IO_ERROR
    if disk.read_only:
        return BlockStatus.IO_ERROR
    if disk.machine.present:
        return machine_zero(device, chain, memory, kind, run, work)
    piece = min(length.saturating_sub(device.done), u64(PIECE))
    part = disk_part(disk, run.sector, min(device.done, length), piece)
    if part is not None:
        part.fill(0)
    device.done = device.done + piece
    work.moved = work.moved + piece
    work.finished = device.done >= length
    return BlockStatus.OK
