"""A block device whose blocks lie on a disk of the machine: what of it is under way.

A request becomes commands, one after the other, and each command is a piece of it. The device has commands of its own
for its life, so no guest waits for another's: with request n goes command n of `drivers/storage/command.py`.
"""

from __future__ import annotations

from codegen.lang import Atomic, Field, Gpa, Hpa, HwEnum, Struct, contract, fn, range, storage_array, u32, u64
from drivers.storage.command import COMMANDS_MAX

REQUESTS_MAX = 32  # of a device, at once
NO_REQUEST = 0xFFFF_FFFF


class RequestStage(HwEnum, repr=u32):
    """What a request waits for."""

    DATA = 0  # for what it asks for
    DURABLE = 1  # for a flush behind it: its driver counts on written data to stay


class DiskRequest(Struct):
    """One that is under way; `length` and `done` are bytes."""

    stage: Field[RequestStage]
    queue: Field[u32]
    head: Field[u32]  # of its chain
    reads: Field[bool]
    bounced: Field[bool]  # this piece goes through the device's bounce buffer
    tries: Field[u32]  # of this piece, that were cut short by a reset of the disk
    sector: Field[u64]  # of the disk of the machine
    length: Field[u64]
    done: Field[u64]
    piece: Field[u64]  # what the command is about
    status: Field[Gpa]  # where the status byte goes
    owner: Field[u64]  # which device's it is, to who brings commands back


class MachineDisk(Struct):
    """Masks have bit n for request n of the device."""

    present: Field[bool]  # else the blocks lie in RAM
    disk: Field[u32]  # number in DISKS
    first_sector: Field[u64]  # there
    first: Field[u32]  # its commands, and its requests in REQUESTS
    requests: Field[u32]  # how many
    busy: Field[u32]  # under way
    held_up: Field[u32]  # of these, those whose next piece waits for the bounce buffer
    finished: Atomic[u32]  # of these, those whose command has come back: set without the board's lock
    stalled: Field[bool]  # nothing new can begin before one of them has ended
    bounce: Field[Hpa]  # BOUNCE_BYTES that the disk reaches
    bounced: Field[u32]  # the request that uses them, or NO_REQUEST
    errors: Field[u64]  # requests that failed


REQUESTS = storage_array(DiskRequest, COMMANDS_MAX)


@contract
def disk_submit(command: u32) -> None:
    """Have the disk do a command; once it has come back its bit of `finished` is set, and the device served."""
    ...


@fn
def free_request(machine: MachineDisk) -> u32 | None:
    """The number of one that is not in use."""
    number = (~machine.busy).trailing_zeros()
    return number if number < machine.requests else None


@fn
def request_of(machine: MachineDisk, number: u32) -> DiskRequest:
    """Request `number` of the device."""
    return REQUESTS[machine.first + number]


@fn(cold=True)
def machine_disk_start(
    machine: MachineDisk, disk: u32, first_sector: u64, first: u32, requests: u32, owner: u64
) -> None:
    """`requests` (at most REQUESTS_MAX) commands from `first` on are the device's from now on."""
    for number in range(requests):
        REQUESTS[first + number].owner = owner
    machine.present = True
    machine.disk = disk
    machine.first_sector = first_sector
    machine.first = first
    machine.requests = requests
    machine.busy = 0
    machine.held_up = 0
    machine.finished.store(0)
    machine.stalled = False
    machine.bounced = NO_REQUEST
