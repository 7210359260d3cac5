"""The monitor with every guard around its entries, whatever the processor's bits say."""

from __future__ import annotations

from typing import Never

from codegen.lang import Hpa, fn
from hypervisor.cpu.mitigations import MITIGATIONS, Guards
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import machine_begin, machine_complete
from hypervisor.sched.loop import schedule
from hypervisor.sched.start import scheduler_start
from hypervisor.time.guest_clock import guest_clock_start
from hypervisor.time.wall import wall_start
from hypervisor.vcpu.virtualization_start import virtualization_start
from hypervisor.vm.create import create_vms


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    MITIGATIONS.guards = Guards(ibrs=True, ibpb=True, fill=True, clear=True, verw=True)
    MITIGATIONS.switch_barrier = True
    MITIGATIONS.flush_l1d = True
    MITIGATIONS.small_code_pages = True
    wall_start()
    guest_clock_start()
    guests = virtualization_start()
    scheduler_start()
    if guests:
        create_vms()
    schedule()
