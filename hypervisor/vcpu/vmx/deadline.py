"""The VMX-preemption timer: when the guest must give the processor back (SDM vol. 3C, 26.5.1)."""

from __future__ import annotations

from codegen.lang import fn, implements, min, rdtsc, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.loaded import load
from hypervisor.vcpu.vmx.state import FEATURES

TIMER_MAX = 0xFFFF_FFFF


@implements(contract.vcpu_set_deadline)
@fn
def vcpu_set_deadline(vcpu: Vcpu, tsc: u64) -> None:
    """Leave the guest no later than host TSC `tsc`. Whoever moves `vcpu.tsc_offset` moves the deadline too, so the
    offset reaches the hardware here."""
    vcpu.deadline = tsc
    load(vcpu)
    fields.TSC_OFFSET.write(vcpu.tsc_offset)


@fn
def arm_preemption_timer(vcpu: Vcpu) -> None:
    """The timer counts down while the guest runs, once each time that TSC bit `timer_shift` changes: rounding down
    is early at most, and so is the largest value. A deadline in the past is 0: an exit before the first instruction."""
    remaining = vcpu.deadline.saturating_sub(rdtsc()) >> (FEATURES.timer_shift & 31)
    fields.PREEMPTION_TIMER.write(u32.trunc(min(remaining, u64(TIMER_MAX))))
