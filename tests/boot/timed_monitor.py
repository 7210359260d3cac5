"""The monitor, which says after some seconds how much of the processor each VM has had."""

from __future__ import annotations

from typing import Never

from codegen.lang import Array, Hpa, Struct, count, fn, range, storage, u32, u64
from hypervisor.console.log import log
from hypervisor.cpu.processors import processors_running
from hypervisor.cpu.smp.start import processors_start
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.sched.entity import CAP_WINDOW
from hypervisor.sched.loop import schedule, schedule_once
from hypervisor.sched.queues import QUEUES
from hypervisor.sched.start import scheduler_start
from hypervisor.sched.vcpus import ENTITIES
from hypervisor.time.clock import CLOCK, clock_now
from hypervisor.time.guest_clock import guest_clock_start
from hypervisor.time.wall import wall_start
from hypervisor.vcpu.pool import VCPUS_MAX, is_vcpu
from hypervisor.vcpu.virtualization_start import virtualization_start
from hypervisor.vm.create import create_vms

MEASURED = 1_200_000_000  # ns: four hundred requests
MEASURED_ON_SLOW = 3_600_000_000  # on Bochs with several processors, which takes long to start
SLOW = 100_000_000  # TSC ticks a second


class Before(Struct):
    """What each entity had used when the measurement began."""

    ran: Array[u64] = count(VCPUS_MAX)


BEFORE = storage(Before)


@fn(export="start")
def start(boot_info: Hpa) -> Never:
    leave_loader_stack(machine_begin(boot_info))


@fn(export="start_on_own_stack")
def start_on_own_stack() -> Never:
    machine_complete()
    wall_start()
    guest_clock_start()
    guests = virtualization_start()
    processors_start(BOOT, guests)
    scheduler_start()
    if guests:
        create_vms()
        measure()
    schedule()


@fn
def measure() -> None:
    """Behind a while in which the guests start, from the beginning of a window of caps on."""
    length = u64(MEASURED) if CLOCK.tsc_hz > SLOW else u64(MEASURED_ON_SLOW)
    go_on(clock_now() + length // 4)
    begin = (clock_now() // CAP_WINDOW + 1) * CAP_WINDOW
    go_on(begin)
    for i in range(u32(VCPUS_MAX)):
        BEFORE.ran[i] = ENTITIES[i].ran
    go_on(begin + length)
    elapsed = clock_now() - begin
    for i in range(u32(VCPUS_MAX)):
        if is_vcpu(i):
            log(f"used by {i}: {(ENTITIES[i].ran - BEFORE.ran[i]) // 1000} of {elapsed // 1000} us")
    switches = u64(0)
    for cpu in range(processors_running()):
        switches += QUEUES[cpu].switches
    log(f"switches: {switches}")


@fn
def go_on(end: u64) -> None:
    """Schedule until the clock shows so many ns."""
    while clock_now() < end:
        schedule_once(u32(0))
