"""When the guest must give the processor back: SVM has no timer of its own, so the host's interrupts it."""

from __future__ import annotations

from codegen.lang import fn, implements, u64
from hypervisor.time.host_timer import host_timer_arm
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu


@implements(contract.vcpu_set_deadline)
@fn
def vcpu_set_deadline(vcpu: Vcpu, tsc: u64) -> None:
    """Leave the guest no later than host TSC `tsc`."""
    vcpu.deadline = tsc
    host_timer_arm(tsc)
