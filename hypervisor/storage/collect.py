"""Commands on their way back: at an interrupt of a disk, and when the time has come to look for those that are late."""

from __future__ import annotations

from codegen.lang import contract, fn, min, range, u32, u64
from drivers.storage.disk import DiskDriver
from hypervisor.cpu.per_cpu import CPU
from hypervisor.storage.controllers import CONTROLLERS, NEVER, Controller, queue_for
from hypervisor.storage.drivers import driver_collect, driver_tick
from hypervisor.storage.submit import POLL, look_soon, submit_waiting
from hypervisor.time.clock import clock_now, tsc_at

LOOK = 1_000_000_000  # ns between two looks for late commands


@contract
def disk_done(command: u32) -> None:
    """To whom it belongs: its outcome says what became of it. The controller's lock is held."""
    ...


@fn
def storage_interrupt() -> None:
    """What disks have done for this processor. They do not say which one it was."""
    CPU.current.storage_wanted.store(0)
    for i in range(CONTROLLERS.controller_count):
        controller = CONTROLLERS.controllers[i]
        if controller.under_way != 0:
            before = controller.under_way
            with controller.lock:
                collect(controller, queue_for(controller, CPU.current.index))
            if controller.under_way == before and is_ata(controller):
                look_soon()  # an error that its driver recovers from, step by step


@fn
def is_ata(controller: Controller) -> bool:
    """Whether an interrupt may tell of more than commands that are over."""
    return controller.driver == DiskDriver.AHCI or controller.driver == DiskDriver.ATA


@fn
def collect(controller: Controller, queue: u32) -> None:
    """All of one queue that are over; those that wait take their places."""
    while True:
        command = driver_collect(controller, queue)
        if command is None:
            break
        controller.under_way = controller.under_way - 1
        disk_done(command)
    if controller.waiting_count != 0:
        submit_waiting(controller, queue)


@fn(cold=True)
def look_at_disks() -> None:
    """By the first processor, when CONTROLLERS.due has come, and at least once a second."""
    now = clock_now()
    following = now + LOOK
    for i in range(CONTROLLERS.controller_count):
        controller = CONTROLLERS.controllers[i]
        with controller.lock:
            following = min(following, look_at(controller, now))
    CONTROLLERS.due.store(tsc_at(following))


@fn(cold=True)
def look_at(controller: Controller, now: u64) -> u64:
    """Late commands end, and resets make a step. Gives when to look again."""
    if controller.under_way == 0 and controller.tick_at == NEVER:
        return u64(NEVER)
    controller.tick_at = driver_tick(controller, now)
    for queue in range(controller.queues):
        collect(controller, queue)
    again = now + POLL if controller.polled and controller.under_way != 0 else u64(NEVER)
    return min(again, controller.tick_at)
