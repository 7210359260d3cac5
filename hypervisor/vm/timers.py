"""A VM's clock and its timers: one reading of the host's TSC gives nanoseconds, and every chip's deadline derives
from them."""

from __future__ import annotations

from codegen.lang import fn, max, min, rdtsc, u64
from hypervisor.devices.board import board_advance
from hypervisor.devices.clock import NEVER
from hypervisor.devices.lapic.timer import lapic_advance_timer, lapic_write_tsc_deadline
from hypervisor.time.clock import ns_to_tsc, tsc_to_ns
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.lapic_effects import apply_effect
from hypervisor.vm.vm import Vm


@fn
def vm_now(vm: Vm) -> u64:
    """Nanoseconds since this VM was started."""
    return tsc_to_ns(rdtsc().wrapping_sub(vm.clock_base))


@fn
def board_now(vm: Vm) -> u64:
    """The moment of an access to the board, whose lock is held. Never earlier than that of the access before, which
    another processor may have made: chips count what has passed since."""
    vm.board_moment = max(vm.board_moment, vm_now(vm))
    return vm.board_moment


@fn
def host_tsc_at(vm: Vm, moment: u64) -> u64:
    """The host TSC at `moment` of the VM's clock; the far future for NEVER."""
    if moment == NEVER:
        return u64(NEVER)
    return vm.clock_base.wrapping_add(ns_to_tsc(moment))


@fn
def advance_timers(vcpu: Vcpu) -> None:
    """Fire every timer that is due and that this vCPU carries: its local APIC's; vCPU 0 also the board's."""
    vm = vcpu.vm
    now = vm_now(vm)
    if vcpu.index == 0 and board_deadline(vm) <= now:
        with vm.board_lock:
            board_advance(vm.board, board_now(vm))
            send_interrupts(vm, vm.board)
    if vcpu.lapic.timer_deadline <= now:
        apply_effect(vcpu, lapic_advance_timer(vcpu.lapic, now))


@fn
def wake_time(vcpu: Vcpu) -> u64:
    """The host TSC at which the next of these timers is due; the far future for none."""
    deadline = vcpu.lapic.timer_deadline
    if vcpu.index == 0:
        deadline = min(deadline, board_deadline(vcpu.vm))
    return host_tsc_at(vcpu.vm, deadline)


@fn
def board_deadline(vm: Vm) -> u64:
    """Read without the lock. Who makes it earlier tells vCPU 0 afterwards."""
    return vm.board.deadline.load()


@fn
def read_tsc_deadline(vcpu: Vcpu) -> u64:
    """IA32_TSC_DEADLINE as the guest reads it: 0 when not armed."""
    return vcpu.lapic.tsc_deadline


@fn
def write_tsc_deadline(vcpu: Vcpu, deadline: u64) -> None:
    """Arm the timer for the moment at which the guest's TSC reads `deadline`; a moment that has passed is due at
    once."""
    ticks = deadline.wrapping_sub(vcpu.tsc_offset).wrapping_sub(vcpu.vm.clock_base)
    when = tsc_to_ns(ticks) if ticks < (1 << 63) else u64(0)
    apply_effect(vcpu, lapic_write_tsc_deadline(vcpu.lapic, deadline, when))
