"""How a handler of an interrupt makes its processor leave the guest and decide anew."""

from __future__ import annotations

from codegen.lang import Hva, fn, u32, view_at
from hypervisor.cpu.per_cpu import PerCpu
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork

RESCHEDULE_WORK = u32(VcpuWork(reschedule=True))


@fn
def leave_guest(own: PerCpu) -> None:
    """On AMD-V the interrupt may have been taken behind an exit of another cause, so the vCPU itself is told too."""
    own.reschedule.store(1)
    if own.current_vcpu != Hva(0):
        view_at(Vcpu, own.current_vcpu).work.fetch_or(RESCHEDULE_WORK)
