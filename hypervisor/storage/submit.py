"""Commands on their way to a driver."""

from __future__ import annotations

from codegen.lang import fn, implements, u32
from drivers.storage.command import COMMANDS, BlockOutcome
from drivers.storage.disk import DISKS
from hypervisor.cpu.kick import send_kick
from hypervisor.cpu.per_cpu import CPU
from hypervisor.devices.virtio.machine_disk import disk_submit
from hypervisor.storage.controllers import (
    CONTROLLERS,
    Controller,
    controller_of,
    leave_line,
    next_in_line,
    queue_for,
    wait_in_line,
)
from hypervisor.storage.drivers import driver_submit
from hypervisor.time.clock import clock_now, tsc_at

TIMEOUT = 10_000_000_000  # ns that a disk may take for a command
POLL = 1_000_000  # ns between two looks at a controller that cannot interrupt
FIRST_PROCESSOR = 0


@implements(disk_submit)
@fn
def submit(command: u32) -> None:
    """To the driver, or in line behind others that wait for room."""
    controller = controller_of(command)
    COMMANDS[command].outcome = BlockOutcome.PENDING
    COMMANDS[command].deadline = clock_now() + TIMEOUT
    with controller.lock:
        controller.under_way = controller.under_way + 1
        queue = queue_for(controller, CPU.current.index)
        if controller.waiting_count != 0 or not driver_submit(controller, command, queue):
            wait_in_line(controller, command)
    if controller.polled or DISKS.disks[COMMANDS[command].disk].gone:  # neither interrupts
        look_soon()


@fn
def submit_waiting(controller: Controller, queue: u32) -> None:
    """As many as there is room for, by who has the lock."""
    while controller.waiting_count != 0 and driver_submit(controller, next_in_line(controller), queue):
        leave_line(controller)


@fn(cold=True)
def look_soon() -> None:
    """Have the first processor look at the controllers."""
    CONTROLLERS.due.store(tsc_at(clock_now() + POLL))
    if CPU.current.index != FIRST_PROCESSOR:
        send_kick(u32(FIRST_PROCESSOR))
