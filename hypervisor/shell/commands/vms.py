"""The VMs: what they are, what they do, and why they leave their guests. Their state is read as it is just now, while
they run, for display only."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from hypervisor.console.guests import GUESTS
from hypervisor.progress import Progress
from hypervisor.sched.entity import EntityState
from hypervisor.sched.queues import processor_bit
from hypervisor.sched.usage import time_used
from hypervisor.sched.vcpus import ENTITIES, SHARES, entity_of
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.time.clock import clock_now
from hypervisor.vcpu.exit import EXIT_KINDS, ExitKind
from hypervisor.vcpu.pool import VCPUS, VCPUS_MAX, is_vcpu, vcpu_of
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.settings import cap_of, cpus_of
from hypervisor.vm.timers import vm_now
from hypervisor.vm.vm import VMS, Vm

MILLISECOND = 1_000_000


@command("list")
@fn(cold=True)
def list_vms(call: Call) -> Progress:
    """Shows each VM: number, name, state, virtual CPUs and where they run, memory, weight and cap, time."""
    if call.step >= GUESTS.guest_count:
        if call.step == 0:
            say("there is no VM: `log` says why")
        return Progress.DONE
    vm = VMS[call.step]
    say(
        f"{vm.id}: {vm.name_span()}, {vm.state}, {vm.vcpu_count} vCPU ({asleep(vm)} asleep, cpus {runs_on(vm):#x}), "
        f"{vm.memory_size >> 20} MiB, "
        f"weight {SHARES[vm.id].weight}, cap {cap_of(vm)}, ran {ran(vm) // MILLISECOND} ms"
    )
    return Progress.MORE if call.step + 1 < GUESTS.guest_count else Progress.DONE


@fn(cold=True)
def ran(vm: Vm) -> u64:
    """ns of processor time that its vCPUs have had."""
    sum = u64(0)
    for i in range(vm.vcpu_count):
        sum += time_used(ENTITIES[vm.vcpu_first + i], clock_now())
    return sum


@fn(cold=True)
def asleep(vm: Vm) -> u32:
    """How many of its vCPUs have nothing to do."""
    number = u32(0)
    for i in range(vm.vcpu_count):
        if ENTITIES[vm.vcpu_first + i].state == EntityState.BLOCKED:
            number += 1
    return number


@fn(cold=True)
def runs_on(vm: Vm) -> u64:
    """The processors that its vCPUs have now, as a mask."""
    mask = u64(0)
    for i in range(vm.vcpu_count):
        entity = ENTITIES[vm.vcpu_first + i]
        if entity.state == EntityState.RUNNING:
            mask = mask | processor_bit(entity.cpu)
    return mask


@command("info VM")
@fn(cold=True)
def show_vm(call: Call) -> Progress:
    """Shows one VM in detail, a line for each of its virtual CPUs."""
    vm = VMS[call.vm]
    if call.step == 0:
        say(f"{vm.name_span()}: number {vm.id}, {vm.state}, stopped because: {vm.stop_reason}")
        say(f"  {vm.memory_size >> 20} MiB of memory, {vm.second_level_frames} frames of tables for it")
        say(f"  weight {SHARES[vm.id].weight}, cap {cap_of(vm)}, may run on cpus {cpus_of(vm):#x}")
        say(f"  its clock reads {vm_now(vm) // MILLISECOND} ms")
        say(f"  its console has sent {GUESTS.guests[vm.id].history.end} bytes")
    else:
        show_vcpu(vcpu_of(vm, call.step - 1))
    return Progress.MORE if call.step < vm.vcpu_count else Progress.DONE


@fn(cold=True)
def show_vcpu(vcpu: Vcpu) -> None:
    """Where it is. The processor that the shell runs on is still its vCPU's."""
    entity = entity_of(vcpu)
    used = time_used(entity, clock_now()) // MILLISECOND
    if entity.state == EntityState.RUNNING:
        say(f"  vCPU {vcpu.index}: {vcpu.state}, runs on cpu {entity.cpu} of {entity.allowed:#x}, ran {used} ms")
    elif entity.state == EntityState.BLOCKED:
        say(f"  vCPU {vcpu.index}: {vcpu.state}, sleeps on cpu {entity.cpu} of {entity.allowed:#x}, ran {used} ms")
    else:
        say(
            f"  vCPU {vcpu.index}: {vcpu.state}, {entity.state} for cpu {entity.cpu} of {entity.allowed:#x}, "
            f"ran {used} ms"
        )


@command("stats [VM]")
@fn(cold=True)
def show_stats(call: Call) -> Progress:
    """Shows how often each virtual CPU has left its guest, by reason; without a VM, those of all VMs."""
    first = VMS[call.vm].vcpu_first if call.vm_given else u32(0)
    end = first + VMS[call.vm].vcpu_count if call.vm_given else u32(VCPUS_MAX)
    if call.step >= end - first:
        return Progress.DONE
    if is_vcpu(first + call.step):
        show_exits(VCPUS[first + call.step])
    return Progress.MORE if call.step + 1 < end - first else Progress.DONE


@fn(cold=True)
def show_exits(vcpu: Vcpu) -> None:
    """Of one virtual CPU, those that have happened."""
    sum = u64(0)
    for kind in range(u32(EXIT_KINDS)):
        sum += vcpu.exits[kind]
    say(f"{vcpu.vm.name_span()} vCPU {vcpu.index}: {sum} exits")
    for kind in range(u32(EXIT_KINDS)):
        if vcpu.exits[kind] != 0:
            say(f"  {vcpu.exits[kind]:12} {ExitKind.checked(kind)}")
