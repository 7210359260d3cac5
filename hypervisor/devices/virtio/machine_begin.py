"""The beginning of a request on a disk of the machine: it is checked already, and becomes a command, or waits for a
free one."""

from __future__ import annotations

from codegen.lang import Gpa, fn, u32, u64
from drivers.storage.command import COMMANDS, BlockOperation
from drivers.storage.disk import DISKS, DISKS_MAX, Disk
from drivers.virtio.block import DISCARD, SECTOR, WRITE_ZEROES, BlockRequest, BlockRun, BlockStatus
from hypervisor.devices.virtio.chain import Chain, chain_piece
from hypervisor.devices.virtio.device import VirtioDevice
from hypervisor.devices.virtio.machine_disk import DiskRequest, MachineDisk, RequestStage, free_request, request_of
from hypervisor.devices.virtio.machine_piece import Begun, begin_piece
from hypervisor.devices.virtio.work import Work
from hypervisor.memory.guest import GuestMemory


@fn
def disk_of(machine: MachineDisk) -> Disk:
    """The disk of the machine."""
    return DISKS.disks[machine.disk & (DISKS_MAX - 1)]


@fn(cold=True)
def machine_features(machine: MachineDisk) -> u64:
    """What only some disks can do."""
    disk = disk_of(machine)
    features = u64(DISCARD) if disk.discards else u64(0)
    return features | u64(WRITE_ZEROES) if disk.zeroes else features


@fn
def machine_move(
    device: VirtioDevice, chain: Chain, memory: GuestMemory, sector: u64, length: u64, reads: bool, work: Work
) -> BlockStatus | None:
    """READ or WRITE of `length` bytes."""
    if length == 0:
        return BlockStatus.OK
    operation = BlockOperation.READ if reads else BlockOperation.WRITE
    return begin(device, chain, memory, operation, sector, length, work)


@fn
def machine_flush(device: VirtioDevice, chain: Chain, memory: GuestMemory, work: Work) -> BlockStatus | None:
    """A disk that caches nothing is done at once."""
    if not disk_of(device.disk.machine).caches_writes:
        return BlockStatus.OK
    return begin(device, chain, memory, BlockOperation.FLUSH, u64(0), u64(0), work)


@fn
def machine_zero(
    device: VirtioDevice, chain: Chain, memory: GuestMemory, kind: BlockRequest, run: BlockRun, work: Work
) -> BlockStatus | None:
    """DISCARD or WRITE_ZEROES, as far as the disk can do that."""
    disk = disk_of(device.disk.machine)
    if kind == BlockRequest.DISCARD and not disk.discards or kind == BlockRequest.WRITE_ZEROES and not disk.zeroes:
        return BlockStatus.UNSUPPORTED
    if run.sectors == 0:
        return BlockStatus.OK
    operation = BlockOperation.DISCARD if kind == BlockRequest.DISCARD else BlockOperation.WRITE_ZEROES
    return begin(device, chain, memory, operation, run.sector, u64(run.sectors) * SECTOR, work)


@fn
def begin(
    device: VirtioDevice,
    chain: Chain,
    memory: GuestMemory,
    operation: BlockOperation,
    sector: u64,
    length: u64,
    work: Work,
) -> BlockStatus | None:
    """The first piece of a request. The status is not told yet: OK; None when the chain is not in RAM."""
    machine = device.disk.machine
    work.finished = False
    number = free_request(machine)
    if number is None:
        machine.stalled = True
        work.stalled = True
        return BlockStatus.OK
    request = request_of(machine, number)
    fill(request, chain, sector + machine.first_sector, length, work)
    request.reads = operation == BlockOperation.READ
    COMMANDS[machine.first + number].operation = operation
    begun = begin_piece(machine, number, chain, memory)
    if begun == Begun.BROKEN:
        return None
    if begun == Begun.HELD_UP:
        machine.stalled = True
        work.stalled = True
    else:
        machine.busy = machine.busy | u32(1) << (number & 31)
        work.begun = True
    return BlockStatus.OK


@fn
def fill(request: DiskRequest, chain: Chain, sector: u64, length: u64, work: Work) -> None:
    """Everything that the end needs: nothing of the chain is believed twice."""
    request.stage = RequestStage.DATA
    request.queue = work.queue
    request.head = work.head
    request.tries = 0
    request.sector = sector
    request.length = length
    request.done = 0
    gpa, _ = chain_piece(chain, chain.writable - 1, True)
    request.status = Gpa(u64(gpa))
