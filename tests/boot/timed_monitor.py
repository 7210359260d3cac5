"""The monitor, which says after some seconds how much of the processor each VM has had, and how far each
guest that counts has come."""

from __future__ import annotations

from typing import Never

from codegen.lang import Array, Gpa, Hpa, Struct, count, fn, range, rdtsc, storage, u32, u64
from hypervisor.console.log import log
from hypervisor.cpu.processors import processors_running
from hypervisor.cpu.smp.start import processors_start
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import read_u64
from hypervisor.sched.entity import CAP_WINDOW
from hypervisor.sched.loop import schedule, schedule_once
from hypervisor.sched.queues import QUEUES
from hypervisor.sched.start import scheduler_start
from hypervisor.sched.usage import time_used
from hypervisor.sched.vcpus import ENTITIES
from hypervisor.time.clock import CLOCK, clock_now
from hypervisor.time.guest_clock import guest_clock_start
from hypervisor.time.wall import wall_start
from hypervisor.vcpu.pool import VCPUS_MAX, is_vcpu
from hypervisor.vcpu.virtualization_start import virtualization_start
from hypervisor.vm.create import create_vms
from hypervisor.vm.vm import VMS, VMS_MAX, Vm, VmState
from tests.guests.storms import COUNTED, INSTRUCTIONS_PER_COUNT

MEASURED = 1_200_000_000  # ns: four hundred requests
# Sixteen hundred: who wakes on a processor whose guest goes on elsewhere takes up to a request of it, and how often is
# chance. Shares on several processors are promised over 500 turns (docs/scheduler.md).
MEASURED_ON_SEVERAL = 4_800_000_000
MEASURED_ON_SLOW = 7_200_000_000  # on Bochs: guests take long to start, and a crash's report is 50 requests long
SLOW = 100_000_000  # TSC ticks a second


class Measured(Struct):
    """What each entity had used when the measurement began; and what each guest had counted then, later since then."""

    ran: Array[u64] = count(VCPUS_MAX)
    counted: Array[u64] = count(VMS_MAX)


TAKEN = storage(Measured)


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
    length = u64(MEASURED_ON_SEVERAL) if processors_running() > 1 else u64(MEASURED)
    if CLOCK.tsc_hz <= SLOW:
        length = u64(MEASURED_ON_SLOW)
    go_on(clock_now() + length // 4)
    go_on((clock_now() // CAP_WINDOW + 1) * CAP_WINDOW)
    begin, first_tick = clock_now(), rdtsc()
    for i in range(u32(VCPUS_MAX)):
        if is_vcpu(i):
            TAKEN.ran[i] = time_used(ENTITIES[i], begin)
    for i in range(u32(VMS_MAX)):
        TAKEN.counted[i] = counted(VMS[i])
    go_on(begin + length)
    end, ticks = clock_now(), rdtsc() - first_tick
    for i in range(u32(VMS_MAX)):
        TAKEN.counted[i] = counted(VMS[i]).wrapping_sub(TAKEN.counted[i])
    for i in range(u32(VCPUS_MAX)):
        if is_vcpu(i):
            log(f"used by {i}: {(time_used(ENTITIES[i], end) - TAKEN.ran[i]) // 1000} of {(end - begin) // 1000} us")
    for i in range(u32(VMS_MAX)):
        if VMS[i].state == VmState.RUNNING:
            log(f"counted by VM {i}: {TAKEN.counted[i].wrapping_mul(INSTRUCTIONS_PER_COUNT)} of {ticks} ticks")
    switches = u64(0)
    for cpu in range(processors_running()):
        switches += QUEUES[cpu].switches
    log(f"switches: {switches}")


@fn
def counted(vm: Vm) -> u64:
    """By the guest, if it is one that counts; 0 where there is no such memory."""
    if vm.state != VmState.RUNNING:
        return u64(0)
    value = read_u64(vm.memory, Gpa(COUNTED))
    return u64(0) if isinstance(value, Fault) else value


@fn
def go_on(end: u64) -> None:
    """Schedule until the clock shows so many ns."""
    while clock_now() < end:
        schedule_once(u32(0))
