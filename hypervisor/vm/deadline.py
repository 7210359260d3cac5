"""When a vCPU has to leave its guest."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.devices.clock import NEVER
from hypervisor.time.clock import ns_to_tsc
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork

DEADLINE_WORK = u32(VcpuWork(deadline=True))


@fn
def leave_in_time(vcpu: Vcpu, deadline: u64) -> None:
    """Have the guest leave no later than at `deadline`, ns of the VM's clock, or NEVER."""
    if deadline == NEVER:
        return
    moment = vcpu.vm.clock_base.wrapping_add(ns_to_tsc(deadline))
    if moment < vcpu.deadline:
        vcpu.deadline = moment
        vcpu.work.fetch_or(DEADLINE_WORK)
