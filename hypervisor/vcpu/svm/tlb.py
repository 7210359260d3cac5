"""TLB control at entry (APM vol. 2, 15.16): VMRUN is the only instruction that drops a guest's translations."""

from __future__ import annotations

from codegen.lang import Hpa, Hva, address_of, fn, implements, u32
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.asid import give_up_asid, holds_asid, start_generation, take_asid
from hypervisor.vcpu.svm.exit_code import INVALID
from hypervisor.vcpu.svm.state import SVM, svm_of
from hypervisor.vcpu.vcpu import Vcpu

FLUSH_NOTHING = 0
FLUSH_ALL = 1
FLUSH_THIS_GUEST = 3


@implements(contract.vcpu_flush_tlb)
@fn
def vcpu_flush_tlb(vcpu: Vcpu) -> None:
    """The next entry drops this ASID's translations; where the CPU cannot, the vCPU gives its ASID up. The plain entry
    does neither, so the next one is none."""
    if SVM.flush_by_asid:
        svm_of(vcpu).flush = True
    else:
        give_up_asid(svm_of(vcpu))
    if CPU.current.plain_vcpu == address_of(vcpu):
        CPU.current.plain_vcpu = Hva(0)


@implements(contract.second_level_invalidate)
@fn(cold=True)
def second_level_invalidate(root: Hpa) -> None:
    """Which ASIDs have translations by these tables, nobody keeps: all end on this processor."""
    start_generation()
    CPU.current.plain_vcpu = Hva(0)


@fn
def before_entry(vcpu: Vcpu) -> None:
    """An ASID that is the vCPU's on this processor, and the flush that is owed."""
    state = svm_of(vcpu)
    if not holds_asid(state):
        take_asid(state)
        state.flush = False
    control = state.vmcb.control
    if CPU.current.asid_flush:
        control.tlb_control = FLUSH_ALL
    elif state.flush:
        control.tlb_control = FLUSH_THIS_GUEST


@fn
def after_entry(vcpu: Vcpu) -> None:
    """It was done, unless the processor refused the entry."""
    state = svm_of(vcpu)
    control = state.vmcb.control
    control.tlb_control = FLUSH_NOTHING
    if u32.trunc(control.exit_code) != INVALID:
        CPU.current.asid_flush = False
        state.flush = False


@fn
def may_enter(vcpu: Vcpu) -> bool:
    """The rule that a debug image asserts at every entry: nothing that is owed is left out."""
    state = svm_of(vcpu)
    control = state.vmcb.control
    if not holds_asid(state) or control.asid == 0:
        return False
    if CPU.current.asid_flush:
        return control.tlb_control == FLUSH_ALL
    return not state.flush or control.tlb_control != FLUSH_NOTHING
