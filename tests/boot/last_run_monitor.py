"""A monitor that panics in its first run, by the key that is typed, and then finds that run's log and goes on."""

from __future__ import annotations

from typing import Never

from codegen.lang import Hpa, fn, pause, u8, ud2
from drivers.console.serial import serial_receive
from hypervisor.console.console import CONSOLE, console_flush
from hypervisor.console.last_run import LAST_RUN
from hypervisor.console.log import log
from hypervisor.cpu.machine_power import reset_machine
from hypervisor.cpu.panic import report
from hypervisor.cpu.smp.start import processors_start
from hypervisor.cpu.stack_trace import frame_pointer, print_stack
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.sched.loop import schedule
from hypervisor.sched.start import scheduler_start

TRAP = 0x74  # t: and stop, as any panic does
RESET = 0x72  # r: and reset the machine, where nobody outside can


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    processors_start(BOOT, False)
    if LAST_RUN.lines == 0:
        log("which panic?")
        panic_by(wait_for_key())
    scheduler_start()
    schedule()


@fn(noinline=True)
def wait_for_key() -> u8:
    console_flush()
    while True:
        key = serial_receive(CONSOLE.serial)
        if key is not None:
            return key
        pause()


@fn(noinline=True)
def panic_by(key: u8) -> Never:
    if key != RESET:
        ud2()
    report("the first run ends here")
    print_stack(frame_pointer())
    reset_machine()
