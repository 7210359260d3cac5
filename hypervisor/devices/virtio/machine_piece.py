"""One command of a request: as much as the disk takes at once, straight from and to the guest's memory where it can,
else through the device's bounce buffer."""

from __future__ import annotations

from codegen.lang import HwEnum, fn, min, phys_span, u16, u32, u64
from drivers.storage.command import COMMANDS, SECTOR, BlockCommand, BlockOperation
from drivers.storage.disk import DISKS, DISKS_MAX
from drivers.virtio.block import BlockHeader
from hypervisor.devices.virtio.chain import Chain, chain_put, chain_take
from hypervisor.devices.virtio.disk_gather import GatherStop, gather
from hypervisor.devices.virtio.machine_disk import NO_REQUEST, DiskRequest, MachineDisk, disk_submit, request_of
from hypervisor.memory.guest import GuestMemory

HEADER_BYTES = BlockHeader.sector.offset + 8
BOUNCE_BYTES = 32 << 10
ZERO_PIECE = 8 << 20  # bytes that one command discards or makes zero


class Begun(HwEnum, repr=u32, must_use=True):
    """What became of a piece."""

    BEGUN = 0
    HELD_UP = 1  # another request has the bounce buffer
    BROKEN = 2  # the chain is not in RAM


@fn
def begin_piece(machine: MachineDisk, number: u32, chain: Chain, memory: GuestMemory) -> Begun:
    """The next one of request `number`, whose chain this is if it has data."""
    request = request_of(machine, number)
    command = COMMANDS[machine.first + number]
    left = request.length - request.done
    request.bounced = False
    command.segment_count = 0
    if command.operation != BlockOperation.READ and command.operation != BlockOperation.WRITE:
        send(machine, number, min(left, u64(ZERO_PIECE)))
        return Begun.BEGUN
    disk = DISKS.disks[machine.disk & (DISKS_MAX - 1)]
    gathered = gather(command, disk, chain, memory, data_offset(request), left, request.reads)
    if isinstance(gathered, GatherStop):
        if gathered == GatherStop.NO_MEMORY:
            return Begun.BROKEN
        return bounce(machine, number, chain, memory, min(min(left, u64(disk.bytes_max)), u64(BOUNCE_BYTES)))
    send(machine, number, gathered)
    return Begun.BEGUN


@fn
def data_offset(request: DiskRequest) -> u64:
    """Where in its half of the chain the next piece begins."""
    return request.done if request.reads else request.done + HEADER_BYTES


@fn(noinline=True)
def bounce(machine: MachineDisk, number: u32, chain: Chain, memory: GuestMemory, size: u64) -> Begun:
    """A piece of `size` bytes by way of the bounce buffer."""
    if machine.bounced != NO_REQUEST:
        return Begun.HELD_UP
    request = request_of(machine, number)
    command = COMMANDS[machine.first + number]
    buffer = phys_span(machine.bounce, size)
    if not request.reads and not chain_take(chain, memory, data_offset(request), buffer):
        return Begun.BROKEN
    machine.bounced = number
    request.bounced = True
    command.segment_count = 1
    command.segments[0].hpa = machine.bounce
    command.segments[0].bytes = u32(size)
    send(machine, number, size)
    return Begun.BEGUN


@fn
def unbounce(machine: MachineDisk, request: DiskRequest, chain: Chain, memory: GuestMemory) -> bool:
    """What was read, to where the guest wants it. False: the chain is not in RAM any more."""
    return chain_put(chain, memory, data_offset(request), phys_span(machine.bounce, request.piece))


@fn
def send(machine: MachineDisk, number: u32, size: u64) -> None:
    """Hand the command over; its segments are filled in."""
    request = request_of(machine, number)
    request.piece = size
    address(COMMANDS[machine.first + number], machine, request.sector + request.done // SECTOR, size)
    disk_submit(machine.first + number)


@fn
def address(command: BlockCommand, machine: MachineDisk, sector: u64, size: u64) -> None:
    """What it is about."""
    command.disk = u16(machine.disk)
    command.sector = sector
    command.sectors = u32(size // SECTOR)
