"""The controllers that drive the machine's disks, each under a lock of its own, and who waits for room in them."""

from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Struct, count, fn, storage, u32, u64
from drivers.storage.command import COMMANDS, COMMANDS_MAX
from drivers.storage.disk import DISKS, DISKS_MAX, DiskDriver
from hypervisor.cpu.spin_lock import LockPlace, SpinLock, lock_start

CONTROLLERS_MAX = 12
NEVER = 0xFFFF_FFFF_FFFF_FFFF


class Controller(Struct):
    """A command that its driver has no room for waits here, so that none is ever lost."""

    lock: SpinLock
    driver: Field[DiskDriver]
    number: Field[u32]  # among its driver's
    queues: Field[u32]  # queue n belongs to processor n; processors without one use the last
    polled: Field[bool]  # it cannot interrupt
    under_way: Field[u32]  # commands that are the driver's or wait here
    tick_at: Field[u64]  # ns: when the driver wants to be looked at, or NEVER
    first: Field[u32]  # of the ring `waiting`
    waiting_count: Field[u32]
    waiting: Array[u32] = count(COMMANDS_MAX)


class Controllers(Struct):
    """All of the machine. `of_disk[n]` drives disk n of DISKS."""

    controller_count: Field[u32]
    due: Atomic[u64]  # see `disks_due`
    of_disk: Array[u32] = count(DISKS_MAX)
    controllers: Array[Controller] = count(CONTROLLERS_MAX)


CONTROLLERS = storage(Controllers)


@fn(cold=True)
def controller_add(driver: DiskDriver, number: u32, first_disk: u32) -> Controller | None:
    """One whose disks are those of DISKS from `first_disk` on. None when there is no room."""
    index = CONTROLLERS.controller_count
    if index >= CONTROLLERS_MAX:
        return None
    CONTROLLERS.controller_count = index + 1
    controller = CONTROLLERS.controllers[index]
    lock_start(controller.lock, LockPlace.STORAGE)
    controller.driver = driver
    controller.number = number
    controller.queues = 1
    controller.tick_at = NEVER
    disk = first_disk
    while disk < DISKS.disk_count:
        CONTROLLERS.of_disk[disk] = index
        disk = disk + 1
    return controller


@fn
def disks_due() -> u64:
    """The host TSC at which the first processor is to look at the controllers, or NEVER."""
    return u64(NEVER) if CONTROLLERS.controller_count == 0 else CONTROLLERS.due.load()


@fn
def controller_of(command: u32) -> Controller:
    """Whose disk the command is for."""
    return CONTROLLERS.controllers[CONTROLLERS.of_disk[COMMANDS[command].disk & (DISKS_MAX - 1)]]


@fn
def queue_for(controller: Controller, cpu: u32) -> u32:
    """The queue in which this processor's commands go."""
    return cpu if cpu < controller.queues else controller.queues - 1


@fn
def wait_in_line(controller: Controller, command: u32) -> None:
    """Behind those that wait already. Each command is in one ring, once: there is room."""
    place = (controller.first + controller.waiting_count) & (COMMANDS_MAX - 1)
    controller.waiting[place] = command
    controller.waiting_count = controller.waiting_count + 1


@fn
def next_in_line(controller: Controller) -> u32:
    """Who has waited longest; somebody waits."""
    return controller.waiting[controller.first & (COMMANDS_MAX - 1)]


@fn
def leave_line(controller: Controller) -> None:
    """That one waits no more."""
    controller.first = controller.first + 1 & (COMMANDS_MAX - 1)
    controller.waiting_count = controller.waiting_count - 1
