"""The guest's clock, and the VMX-preemption timer that ends its turn (SDM vol. 3C, 26.3 and 26.5.1)."""

from __future__ import annotations

from codegen.lang import fn, implements, min, rdtsc, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.loaded import load
from hypervisor.vcpu.vmx.state import FEATURES

FURTHEST = 0xFFFF_FFFF


@implements(contract.vcpu_set_deadline)
@fn
def vcpu_set_deadline(vcpu: Vcpu, tsc: u64) -> None:
    """Leave the guest no later than host TSC `tsc`: each entry computes the timer from it, so that the distance must
    fit the timer's 32 bits; an earlier exit is harmless."""
    vcpu.deadline = min(tsc, rdtsc().wrapping_add(FURTHEST))


@implements(contract.vcpu_set_tsc_offset)
@fn
def vcpu_set_tsc_offset(vcpu: Vcpu, offset: u64) -> None:
    """Guest RDTSC returns the host's plus `offset` (wrapping)."""
    load(vcpu)
    vcpu.tsc_offset = offset
    fields.TSC_OFFSET.write(offset)


@fn
def arm_preemption_timer(vcpu: Vcpu) -> bool:
    """The timer counts down while the guest runs, once each time that TSC bit `timer_shift` changes: rounding down is
    early at most. False when the deadline has passed: there is no point in an entry."""
    now = rdtsc()
    if vcpu.deadline <= now:
        return False
    fields.PREEMPTION_TIMER.write_surely(u32.trunc(vcpu.deadline.wrapping_sub(now) >> (FEATURES.timer_shift & 63)))
    return True
