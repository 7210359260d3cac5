"""The monitor with an operator inside: the command line's first letter says what it does to the VMs, while they run."""

from __future__ import annotations

from typing import Never

from codegen.lang import Hpa, fn, range, rdtsc, u32, u64
from hypervisor.console.log import log
from hypervisor.cpu.smp.start import processors_start
from hypervisor.cpu.stacks import leave_loader_stack
from hypervisor.devices.acpi.power import POWER_BUTTON
from hypervisor.machine import BOOT, machine_begin, machine_complete
from hypervisor.memory.frames import free_bytes
from hypervisor.sched.loop import schedule, schedule_once
from hypervisor.sched.start import scheduler_start
from hypervisor.sched.vcpus import ENTITIES
from hypervisor.time.clock import ns_to_tsc
from hypervisor.time.guest_clock import guest_clock_start
from hypervisor.time.wall import wall_start
from hypervisor.vcpu.pool import POOL
from hypervisor.vcpu.virtualization_start import virtualization_start
from hypervisor.vm.act_refusal import ActRefusal
from hypervisor.vm.control import (
    destroy_vm,
    kill_vm,
    pause_vm,
    press_power_button,
    reset_vm,
    resume_vm,
    start_vm_again,
)
from hypervisor.vm.create import create_vms
from hypervisor.vm.order import OrderKind, order_of
from hypervisor.vm.vm import VMS, Vm, VmState

CYCLES = 50
PATIENCE = 20_000  # ms
MS = 1_000_000  # ns


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
    create_vms()
    match u32(BOOT.command_line[0]):
        case 0x63:
            cycle()
        case 0x70:
            pause_and_resume()
        case 0x62:
            press()
        case 0x72:
            refuse()
        case _:
            pass
    schedule()


@fn
def wait(milliseconds: u32) -> None:
    """Do what the first processor does for so long."""
    end = rdtsc() + ns_to_tsc(u64(milliseconds) * MS)
    while rdtsc() < end:
        schedule_once(u32(0))


@fn
def wait_for(vm: Vm, state: VmState) -> bool:
    for _ in range(u32(PATIENCE)):
        if vm.state == state and order_of(vm).kind == OrderKind.NONE:
            return True
        wait(u32(1))
    log(f"FAIL {vm.name_span()} is {vm.state}")
    return False


@fn
def told(vm: Vm, refusal: ActRefusal | None) -> None:
    if refusal is None:
        log(f"told {vm.name_span()}")
    else:
        log(f"refused {vm.name_span()}: {refusal.words()}")


@fn
def ran(vm: Vm) -> u64:
    """us that its vCPUs have had."""
    sum = u64(0)
    for i in range(vm.vcpu_count):
        sum += ENTITIES[vm.vcpu_first + i].ran
    return sum // 1000


@fn
def cycle() -> None:
    """Kill, destroy and start the second VM again and again; the first runs all the time."""
    vm = VMS[1]
    wait_for(vm, VmState.RUNNING)
    before, taken = free_bytes(), POOL.taken
    other = ran(VMS[0])
    for _ in range(u32(CYCLES)):
        if kill_vm(vm) is not None or not wait_for(vm, VmState.STOPPED):
            log("FAIL kill")
        if destroy_vm(vm) is not None or not wait_for(vm, VmState.ABSENT):
            log("FAIL destroy")
        if free_bytes() <= before:
            log("FAIL nothing is free")
        if start_vm_again(vm) is not None or not wait_for(vm, VmState.RUNNING):
            log("FAIL start")
        wait(u32(5))
    log(f"cycles: {free_bytes()} of {before} bytes free, vCPUs {POOL.taken:#x} of {taken:#x}")
    log(f"the other ran {ran(VMS[0]) - other > 1000}")


@fn
def pause_and_resume() -> None:
    vm = VMS[1]
    wait_for(vm, VmState.RUNNING)
    wait(u32(200))
    told(vm, pause_vm(vm))
    wait_for(vm, VmState.PAUSED)
    before, other = ran(vm), ran(VMS[0])
    wait(u32(500))
    log(f"while it was paused it ran {ran(vm) - before} us, the other {(ran(VMS[0]) - other) // 1000} ms")
    told(vm, resume_vm(vm))
    wait_for(vm, VmState.RUNNING)
    before = ran(vm)
    wait(u32(300))
    log(f"resumed: it ran {ran(vm) - before > 1000}")
    told(vm, pause_vm(vm))
    wait_for(vm, VmState.PAUSED)
    told(vm, reset_vm(vm))
    wait_for(vm, VmState.RUNNING)
    told(vm, pause_vm(vm))
    wait_for(vm, VmState.PAUSED)
    told(vm, kill_vm(vm))
    wait_for(vm, VmState.STOPPED)
    log("end of pauses")


@fn
def press() -> None:
    vm = VMS[0]
    wait_for(vm, VmState.RUNNING)
    while not waits_for_button(vm):
        wait(u32(1))
    told(vm, press_power_button(vm))


@fn
def waits_for_button(vm: Vm) -> bool:
    with vm.board_lock:
        enabled = vm.board.power.enable & POWER_BUTTON
    return enabled != 0


@fn
def refuse() -> None:
    """What cannot be done in each state."""
    vm = VMS[1]
    told(vm, start_vm_again(vm))
    wait_for(vm, VmState.RUNNING)
    told(vm, start_vm_again(vm))
    told(vm, resume_vm(vm))
    told(vm, destroy_vm(vm))
    told(vm, kill_vm(vm))
    wait_for(vm, VmState.STOPPED)
    told(vm, pause_vm(vm))
    told(vm, reset_vm(vm))
    told(vm, press_power_button(vm))
    told(vm, start_vm_again(vm))
    wait_for(vm, VmState.RUNNING)
    told(vm, kill_vm(vm))
    wait_for(vm, VmState.STOPPED)
    told(vm, destroy_vm(vm))
    wait_for(vm, VmState.ABSENT)
    told(vm, destroy_vm(vm))
    log("end of refusals")
