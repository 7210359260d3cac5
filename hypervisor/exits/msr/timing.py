"""The time-stamp counter and its deadline."""

from __future__ import annotations

from codegen.lang import fn, rdtsc, u32, u64
from hypervisor.exits.msr.policy import msr
from hypervisor.vcpu.contract import vcpu_set_tsc_offset
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.timers import read_tsc_deadline, write_tsc_deadline

TSC, TSC_ADJUST, TSC_DEADLINE = 0x10, 0x3B, 0x6E0


@fn
def guest_tsc(vcpu: Vcpu) -> u64:
    """What RDTSC in the guest returns."""
    return rdtsc().wrapping_add(vcpu.tsc_offset)


@fn
def move_tsc(vcpu: Vcpu, delta: u64) -> None:
    """Add `delta` (wrapping) to the guest's counter; IA32_TSC_ADJUST moves with it (SDM vol. 3B, 18.17.3)."""
    vcpu.tsc_offset = vcpu.tsc_offset.wrapping_add(delta)
    vcpu.msrs.tsc_adjust = vcpu.msrs.tsc_adjust.wrapping_add(delta)
    vcpu_set_tsc_offset(vcpu, vcpu.tsc_offset)


@fn
def read_tsc(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_TIME_STAMP_COUNTER."""
    return guest_tsc(vcpu)


@fn
def write_tsc(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Set the counter: the difference goes into the offset."""
    move_tsc(vcpu, value.wrapping_sub(guest_tsc(vcpu)))
    return True


@fn
def read_tsc_adjust(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_TSC_ADJUST."""
    return vcpu.msrs.tsc_adjust


@fn
def write_tsc_adjust(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """The counter moves by the change."""
    move_tsc(vcpu, value.wrapping_sub(vcpu.msrs.tsc_adjust))
    return True


@fn
def read_deadline(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_TSC_DEADLINE: 0 when not armed."""
    return read_tsc_deadline(vcpu)


@fn
def write_deadline(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Arm or (0) disarm the local APIC timer in TSC-deadline mode; ignored in the other modes."""
    write_tsc_deadline(vcpu, value)
    return True


msr(TSC, read_tsc, write_tsc)
msr(TSC_ADJUST, read_tsc_adjust, write_tsc_adjust)
msr(TSC_DEADLINE, read_deadline, write_deadline)
