"""A VM's clock and its timers: one reading of the host's TSC gives nanoseconds, and every chip's deadline derives
from them."""

from __future__ import annotations

from codegen.lang import fn, min, range, rdtsc, u64
from hypervisor.devices.board import board_advance, board_next_deadline
from hypervisor.devices.clock import NEVER
from hypervisor.devices.lapic.timer import lapic_advance_timer, lapic_write_tsc_deadline
from hypervisor.time.clock import ns_to_tsc, tsc_to_ns
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.interrupts import apply_effect, service_board
from hypervisor.vm.vm import Vm


@fn
def vm_now(vm: Vm) -> u64:
    """Nanoseconds since this VM was started."""
    return tsc_to_ns(rdtsc().wrapping_sub(vm.clock_base))


@fn
def host_tsc_at(vm: Vm, moment: u64) -> u64:
    """The host TSC at `moment` of the VM's clock; the far future for NEVER."""
    if moment == NEVER:
        return u64(NEVER)
    return vm.clock_base.wrapping_add(ns_to_tsc(moment))


@fn
def advance_timers(vm: Vm) -> None:
    """Fire every timer of the VM that is due, and deliver what follows."""
    now = vm_now(vm)
    board_advance(vm.board, now)
    service_board(vm)
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        if vcpu.lapic.timer_deadline <= now:
            apply_effect(vcpu, lapic_advance_timer(vcpu.lapic, now))


@fn
def next_deadline(vm: Vm) -> u64:
    """The next moment, in ns of the VM's clock, at which one of its timers is due; NEVER for none."""
    deadline = board_next_deadline(vm.board)
    for i in range(vm.vcpu_count):
        deadline = min(deadline, vcpu_of(vm, i).lapic.timer_deadline)
    return deadline


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
