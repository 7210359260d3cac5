"""Start-up, in order, from the loader's hand-off to the first guest."""

from __future__ import annotations

from typing import Never

from codegen.lang import Hpa, fn
from hypervisor.check.report import check_machine
from hypervisor.console.log import log
from hypervisor.cpu.smp.start import processors_start
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.sched.loop import schedule
from hypervisor.sched.start import scheduler_start
from hypervisor.storage.start import storage_start
from hypervisor.time.clock import clock_now
from hypervisor.time.guest_clock import guest_clock_start
from hypervisor.time.wall import wall_start
from hypervisor.vcpu.virtualization_start import virtualization_start
from hypervisor.vm.create import create_vms
from hypervisor.vm.manifest import manifest_names_disks


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    """Called by the entry code, on the loader's stack and page tables, interrupts off."""
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    """The same, on a stack of our own."""
    machine_complete()
    wall_start()
    guest_clock_start()
    log(f"the machine is ours after {clock_now() // 1000} us; loading took {BOOT.firmware_ticks} TSC ticks of firmware")
    if BOOT.flags.check_machine:
        processors_start(BOOT, False)
        check_machine(BOOT)
    guests = virtualization_start()
    processors_start(BOOT, guests)
    scheduler_start()
    if manifest_names_disks():
        storage_start()
    if guests:
        create_vms()
    schedule()
