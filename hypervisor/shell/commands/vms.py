"""The VMs: what they are, what they do, and why they leave their guests."""

from __future__ import annotations

from codegen.lang import fn, range, u32, u64
from hypervisor.console.guests import GUESTS
from hypervisor.sched.vcpus import ENTITIES, SHARES
from hypervisor.shell.call import Call, Progress
from hypervisor.shell.command import command
from hypervisor.shell.commands.share import cap_of
from hypervisor.shell.output import say
from hypervisor.vcpu.exit import EXIT_KINDS, ExitKind
from hypervisor.vcpu.pool import POOL, VCPUS, vcpu_of
from hypervisor.vm.timers import vm_now
from hypervisor.vm.vm import VMS, Vm

MILLISECOND = 1_000_000


@command("list")
@fn(cold=True)
def list_vms(call: Call) -> Progress:
    """Shows each VM: number, name, state, virtual CPUs, memory, weight and cap."""
    if call.step >= GUESTS.guest_count:
        if call.step == 0:
            say("there is no VM: `log` says why")
        return Progress.DONE
    vm = VMS[call.step]
    say(
        f"{vm.id}: {vm.name_span()}, {vm.state}, {vm.vcpu_count} vCPU, {vm.memory_size >> 20} MiB, "
        f"weight {SHARES[vm.id].weight}, cap {cap_of(vm.id)}, ran {ran(vm) // MILLISECOND} ms"
    )
    return Progress.MORE if call.step + 1 < GUESTS.guest_count else Progress.DONE


@fn(cold=True)
def ran(vm: Vm) -> u64:
    """ns of processor time that its vCPUs have had."""
    sum = u64(0)
    for i in range(vm.vcpu_count):
        sum += ENTITIES[vm.vcpu_first + i].ran
    return sum


@command("info VM")
@fn(cold=True)
def show_vm(call: Call) -> Progress:
    """Shows one VM in detail, a line for each of its virtual CPUs."""
    vm = VMS[call.vm]
    if call.step == 0:
        say(f"{vm.name_span()}: number {vm.id}, {vm.state}, stopped because: {vm.stop_reason}")
        say(f"  {vm.memory_size >> 20} MiB of memory, {vm.second_level_frames} frames of tables for it")
        say(f"  weight {SHARES[vm.id].weight}, cap {cap_of(vm.id)}, its clock reads {vm_now(vm) // MILLISECOND} ms")
        say(f"  its console has sent {GUESTS.guests[vm.id].history.end} bytes")
    else:
        vcpu = vcpu_of(vm, call.step - 1)
        entity = ENTITIES[vm.vcpu_first + vcpu.index]
        say(
            f"  vCPU {vcpu.index}: {vcpu.state}, {entity.state}, ran {entity.ran // MILLISECOND} ms, "
            f"last on cpu {entity.cpu} of {entity.allowed:#x}"
        )
    return Progress.MORE if call.step < vm.vcpu_count else Progress.DONE


@command("stats [VM]")
@fn(cold=True)
def show_stats(call: Call) -> Progress:
    """Shows how often each virtual CPU has left its guest, by reason; without a VM, those of all VMs."""
    first = VMS[call.vm].vcpu_first if call.vm_given else u32(0)
    end = first + VMS[call.vm].vcpu_count if call.vm_given else POOL.used
    if call.step >= end - first:
        return Progress.DONE
    vcpu = VCPUS[first + call.step]
    sum = u64(0)
    for kind in range(u32(EXIT_KINDS)):
        sum += vcpu.exits[kind]
    say(f"{vcpu.vm.name_span()} vCPU {vcpu.index}: {sum} exits")
    for kind in range(u32(EXIT_KINDS)):
        if vcpu.exits[kind] != 0:
            say(f"  {vcpu.exits[kind]:12} {ExitKind.checked(kind)}")
    return Progress.MORE if call.step + 1 < end - first else Progress.DONE
