"""TLB control at entry (APM vol. 2, 15.16)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, implements, range, u32
from hypervisor.vcpu import contract
from hypervisor.vcpu.pool import VCPUS, VCPUS_MAX
from hypervisor.vcpu.svm.state import SVM, svm_of
from hypervisor.vcpu.vcpu import Vcpu

FLUSH_NOTHING = 0
FLUSH_ALL = 1
FLUSH_THIS_GUEST = 3


@implements(contract.vcpu_flush_tlb)
@fn
def vcpu_flush_tlb(vcpu: Vcpu) -> None:
    """The next entry drops this ASID's translations, or all where the CPU cannot tell them apart."""
    svm_of(vcpu).flush = u32(FLUSH_THIS_GUEST) if SVM.flush_by_asid else u32(FLUSH_ALL)


@implements(contract.second_level_invalidate)
@fn
def second_level_invalidate(root: Hpa) -> None:
    """Every vCPU on these tables flushes before it runs again."""
    for i in range(u32(VCPUS_MAX)):
        state = svm_of(VCPUS[i])
        if state.asid != 0 and state.vmcb.control.nested_cr3 == root:
            state.flush = FLUSH_ALL
