"""Why VMRUN refused: the illegal state combinations of APM vol. 2, 15.5.1, each by its sentence."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import Span, fn, implements, span, static, u64
from hypervisor.console.log import log
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.svm.vmcb import Vmcb
from hypervisor.vcpu.vcpu import Vcpu

CR0_PE, CR0_NW, CR0_CD, CR0_PG = 1 << 0, 1 << 29, 1 << 30, 1 << 31
CR4_PAE = 1 << 5
EFER_LME, EFER_SVME = 1 << 8, 1 << 12
CS_LONG, CS_DEFAULT = 1 << 9, 1 << 10
INTERCEPT_VMRUN = 1
EVENT_VALID = 1 << 31
MAPS_MAX = 1 << 52

Rule = Callable[[Vmcb], bool]  # True: broken

RULES: list[tuple[Rule, Span]] = []


def rule(sentence: str) -> Callable[[Rule], Rule]:
    """Add a rule; `sentence` is what the manual says is illegal."""

    def register(broken: Rule) -> Rule:
        RULES.append((broken, span(sentence.encode())))
        return broken

    return register


@rule("EFER.SVME is zero")
@fn
def svme_clear(vmcb: Vmcb) -> bool:
    return vmcb.save.efer & EFER_SVME == 0


@rule("CR0.CD is zero and CR0.NW is set")
@fn
def not_write_through(vmcb: Vmcb) -> bool:
    return vmcb.save.cr0 & (CR0_CD | CR0_NW) == CR0_NW


@rule("CR0[63:32] are not zero")
@fn
def cr0_upper(vmcb: Vmcb) -> bool:
    return vmcb.save.cr0 >> 32 != 0


@rule("a reserved bit of CR3 is set")
@fn
def cr3_reserved(vmcb: Vmcb) -> bool:
    return vmcb.save.cr3 >> 52 != 0


@rule("a reserved bit of CR4 is set")
@fn
def cr4_reserved(vmcb: Vmcb) -> bool:
    return vmcb.save.cr4 >> 32 != 0


@rule("DR6[63:32] are not zero")
@fn
def dr6_upper(vmcb: Vmcb) -> bool:
    return vmcb.save.dr6 >> 32 != 0


@rule("DR7[63:32] are not zero")
@fn
def dr7_upper(vmcb: Vmcb) -> bool:
    return vmcb.save.dr7 >> 32 != 0


@rule("a reserved bit of EFER is set")
@fn
def efer_reserved(vmcb: Vmcb) -> bool:
    return vmcb.save.efer >> 32 != 0


@rule("EFER.LME and CR0.PG are set and CR4.PAE is zero")
@fn
def long_without_pae(vmcb: Vmcb) -> bool:
    save = vmcb.save
    return save.efer & EFER_LME != 0 and save.cr0 & CR0_PG != 0 and save.cr4 & CR4_PAE == 0


@rule("EFER.LME and CR0.PG are set and CR0.PE is zero")
@fn
def long_without_protection(vmcb: Vmcb) -> bool:
    save = vmcb.save
    return save.efer & EFER_LME != 0 and save.cr0 & CR0_PG != 0 and save.cr0 & CR0_PE == 0


@rule("EFER.LME, CR0.PG, CR4.PAE, CS.L and CS.D are all set")
@fn
def long_and_default(vmcb: Vmcb) -> bool:
    save = vmcb.save
    if save.efer & EFER_LME == 0 or save.cr0 & CR0_PG == 0 or save.cr4 & CR4_PAE == 0:
        return False
    return u64(save.cs.attributes) & (CS_LONG | CS_DEFAULT) == CS_LONG | CS_DEFAULT


@rule("the VMRUN intercept bit is clear")
@fn
def vmrun_not_intercepted(vmcb: Vmcb) -> bool:
    return vmcb.control.intercept_svm & INTERCEPT_VMRUN == 0


@rule("the MSR or I/O permission map lies beyond the physical address space")
@fn
def maps_outside(vmcb: Vmcb) -> bool:
    return u64(vmcb.control.iopm) >= MAPS_MAX or u64(vmcb.control.msrpm) >= MAPS_MAX


@rule("ASID is zero")
@fn
def asid_zero(vmcb: Vmcb) -> bool:
    return vmcb.control.asid == 0


@rule("EVENTINJ holds a reserved type, or an exception with vector 2 or above 31 (15.20)")
@fn
def event_illegal(vmcb: Vmcb) -> bool:
    event = vmcb.control.event_injection
    if event & EVENT_VALID == 0:
        return False
    kind = (event >> 8) & 7
    vector = event & 0xFF
    if kind == 1 or kind > 4:
        return True
    return kind == 3 and (vector == 2 or vector > 31)


@implements(contract.vcpu_audit_entry)
@fn(cold=True)
def vcpu_audit_entry(vcpu: Vcpu) -> None:
    """Log every rule that the VMCB breaks."""
    vmcb = svm_of(vcpu).vmcb
    found = False
    for broken, sentence in static(RULES):
        if broken(vmcb):
            log(f"  APM vol. 2, 15.5.1: {sentence}")
            found = True
    if not found:
        log("  no rule of APM vol. 2, 15.5.1 that we know is broken")


@implements(contract.vcpu_dump_vendor)
@fn(cold=True)
def vcpu_dump_vendor(vcpu: Vcpu) -> None:
    """The control area's telling fields."""
    control = svm_of(vcpu).vmcb.control
    log(f"  exit {control.exit_code:#x} info1 {control.exit_info_1:#x} info2 {control.exit_info_2:#x}")
    log(f"  interrupted event {control.exit_interrupt_info:#x} shadow {control.interrupt_shadow} asid {control.asid}")
    virtual = control.virtual_interrupt
    log(f"  virtual interrupt {u64(virtual):#x} intercepted events {control.intercept_events:#x}")
