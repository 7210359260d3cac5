"""TLB control at entry (APM vol. 2, 15.16)."""

from __future__ import annotations

from codegen.lang import Hpa, Hva, address_of, fn, implements, range, u32
from hypervisor.cpu.per_cpu import CPU
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
    flush_before_entry(vcpu, u32(FLUSH_THIS_GUEST) if SVM.flush_by_asid else u32(FLUSH_ALL))


@implements(contract.second_level_invalidate)
@fn
def second_level_invalidate(root: Hpa) -> None:
    """Every vCPU on these tables flushes before it runs again."""
    for i in range(u32(VCPUS_MAX)):
        state = svm_of(VCPUS[i])
        if state.asid != 0 and state.vmcb.control.nested_cr3 == root:
            flush_before_entry(VCPUS[i], u32(FLUSH_ALL))


@fn
def flush_before_entry(vcpu: Vcpu, flush: u32) -> None:
    """The plain entry flushes nothing, so the next one is none."""
    svm_of(vcpu).flush = flush
    if CPU.current.plain_vcpu == address_of(vcpu):
        CPU.current.plain_vcpu = Hva(0)
