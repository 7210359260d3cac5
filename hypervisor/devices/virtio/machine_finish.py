"""The end of requests on a disk of the machine: commands that have come back are followed by the next piece, or by the
status in the guest's memory."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.virtio.block import FLUSH, BlockStatus
from drivers.virtio.status import INDIRECT_DESCRIPTORS
from hypervisor.devices.pci.function import PciFunction
from hypervisor.devices.virtio.chain import Chain, chain_read
from hypervisor.devices.virtio.device import QUEUES, VirtioDevice, device_accepted, device_restart, device_runs
from hypervisor.devices.virtio.machine_begin import disk_of
from hypervisor.devices.virtio.machine_disk import (
    NO_REQUEST,
    DiskRequest,
    MachineDisk,
    RequestStage,
    disk_submit,
    request_of,
)
from hypervisor.devices.virtio.machine_piece import Begun, begin_piece, send, unbounce
from hypervisor.devices.virtio.queue import queue_give
from hypervisor.memory.guest import GuestMemory, write_u8

TRIES = 3  # of a piece


@fn
def machine_finish(device: VirtioDevice, function: PciFunction, memory: GuestMemory, chain: Chain) -> bool:
    """All that has come back. False: the driver has broken the rules of its queues."""
    machine = device.disk.machine
    sound = True
    finished = machine.finished.exchange(u32(0))
    while finished != 0:
        number = finished.trailing_zeros()
        finished = finished & (finished - 1)
        if not sound or not device_runs(device, function):
            machine_forget(machine, number)
        elif not finish(device, number, memory, chain):
            sound = False
            machine_forget(machine, number)
    if machine.held_up != 0:
        if not sound or not device_runs(device, function):
            forget_held_up(machine)
        elif machine.bounced == NO_REQUEST:
            sound = resume(device, memory, chain)
    if device.resetting and machine.busy == 0:
        device_restart(device)
    return sound


@fn(cold=True)
def machine_drop(machine: MachineDisk) -> bool:
    """Forget what has come back, unseen by the guest; whether nothing is under way any more."""
    forget_held_up(machine)
    finished = machine.finished.exchange(u32(0))
    while finished != 0:
        machine_forget(machine, finished.trailing_zeros())
        finished = finished & (finished - 1)
    return machine.busy == 0


@fn(cold=True)
def forget_held_up(machine: MachineDisk) -> None:
    """Nothing of these is on its way."""
    while machine.held_up != 0:
        machine_forget(machine, machine.held_up.trailing_zeros())
        machine.held_up = machine.held_up & (machine.held_up - 1)


@fn
def machine_forget(machine: MachineDisk, number: u32) -> None:
    """Request `number` is over, and what it used is free."""
    if machine.bounced == number:
        machine.bounced = NO_REQUEST
    machine.busy = machine.busy & ~(u32(1) << (number & 31))
    machine.stalled = False


@fn
def finish(device: VirtioDevice, number: u32, memory: GuestMemory, chain: Chain) -> bool:
    """One command; false when the driver has broken the rules."""
    machine = device.disk.machine
    request = request_of(machine, number)
    outcome = COMMANDS[machine.first + number].outcome
    if outcome == BlockOutcome.DONE:
        return advance(device, number, memory, chain)
    if outcome == BlockOutcome.RESET and request.tries + 1 < TRIES:
        request.tries = request.tries + 1
        disk_submit(machine.first + number)
        return True
    machine.errors = machine.errors.wrapping_add(1)
    return give(device, number, memory, BlockStatus.IO_ERROR)


@fn
def advance(device: VirtioDevice, number: u32, memory: GuestMemory, chain: Chain) -> bool:
    """The piece is done: on to the next one, or to the end."""
    machine = device.disk.machine
    request = request_of(machine, number)
    operation = COMMANDS[machine.first + number].operation
    if request.stage == RequestStage.DURABLE:
        return give(device, number, memory, BlockStatus.OK)
    if request.bounced:
        if request.reads and not bring_back(device, request, memory, chain):
            return False
        machine.bounced = NO_REQUEST
        machine.stalled = False
    request.done = request.done + request.piece
    request.tries = 0
    if request.done < request.length:
        return proceed(device, number, memory, chain)
    writes = operation == BlockOperation.WRITE or operation == BlockOperation.WRITE_ZEROES
    if writes and not device_accepted(device, u64(FLUSH)) and disk_of(machine).caches_writes:
        request.stage = RequestStage.DURABLE  # who cannot flush is told when it is durable (5.2.6.2)
        COMMANDS[machine.first + number].operation = BlockOperation.FLUSH
        COMMANDS[machine.first + number].segment_count = 0
        send(machine, number, u64(0))
        return True
    return give(device, number, memory, BlockStatus.OK)


@fn(noinline=True)
def proceed(device: VirtioDevice, number: u32, memory: GuestMemory, chain: Chain) -> bool:
    """The next piece of a large request; false when its chain is not in RAM any more."""
    machine = device.disk.machine
    if not read_again(device, request_of(machine, number), memory, chain):
        return False
    begun = begin_piece(machine, number, chain, memory)
    if begun == Begun.HELD_UP:
        machine.held_up = machine.held_up | u32(1) << (number & 31)
    return begun != Begun.BROKEN


@fn(cold=True)
def resume(device: VirtioDevice, memory: GuestMemory, chain: Chain) -> bool:
    """The first of those that wait for the bounce buffer."""
    machine = device.disk.machine
    number = machine.held_up.trailing_zeros()
    machine.held_up = machine.held_up & (machine.held_up - 1)
    if proceed(device, number, memory, chain):
        return True
    machine_forget(machine, number)
    return False


@fn(noinline=True)
def read_again(device: VirtioDevice, request: DiskRequest, memory: GuestMemory, chain: Chain) -> bool:
    """The request's chain, as it is now: checked like any other. False when it is none any more."""
    queue = device.queues[request.queue & (QUEUES - 1)]
    indirect = device_accepted(device, u64(INDIRECT_DESCRIPTORS))
    return chain_read(chain, queue, memory, request.head, indirect)


@fn(noinline=True)
def bring_back(device: VirtioDevice, request: DiskRequest, memory: GuestMemory, chain: Chain) -> bool:
    """What was read into the bounce buffer; false when the chain is not in RAM any more."""
    return read_again(device, request, memory, chain) and unbounce(device.disk.machine, request, chain, memory)


@fn
def give(device: VirtioDevice, number: u32, memory: GuestMemory, status: BlockStatus) -> bool:
    """Tell the guest; false when it has no memory there."""
    machine = device.disk.machine
    request = request_of(machine, number)
    machine_forget(machine, number)
    if write_u8(memory, request.status, u8(status)) is not None:
        return False
    moved = u32.trunc(request.length) if request.reads and status == BlockStatus.OK else u32(0)
    return queue_give(device.queues[request.queue & (QUEUES - 1)], memory, request.head, moved.wrapping_add(1))
