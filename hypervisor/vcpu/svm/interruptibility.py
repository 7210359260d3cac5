"""When the guest can take an event, and how to hear of it (APM vol. 2, 15.21.4)."""

from __future__ import annotations

from codegen.lang import fn, implements, u8, u32
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.intercepts import IRET, VIRTUAL_INTERRUPT
from hypervisor.vcpu.svm.state import control_of, save_of, svm_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from hypervisor.vcpu.vcpu import Vcpu, VcpuWork

RFLAGS_IF = 1 << 9
SHADOW = 1
HIGHEST_PRIORITY = 15
NMI_WORK = u32(VcpuWork(nmi=True))


@implements(contract.vcpu_can_take_interrupt)
@fn
def vcpu_can_take_interrupt(vcpu: Vcpu) -> bool:
    """RFLAGS.IF is set, there is no interrupt shadow and no event is being injected."""
    if vcpu.pending.valid or save_of(vcpu).rflags & RFLAGS_IF == 0:
        return False
    return control_of(vcpu).interrupt_shadow & SHADOW == 0


@implements(contract.vcpu_can_take_nmi)
@fn
def vcpu_can_take_nmi(vcpu: Vcpu) -> bool:
    """NMIs are not blocked by an earlier one, nor by a shadow."""
    state = svm_of(vcpu)
    if state.iret_pending and save_of(vcpu).rip != state.iret_rip:
        state.iret_pending = False
        state.nmi_blocked = False
    if vcpu.pending.valid or state.nmi_blocked:
        return False
    return state.vmcb.control.interrupt_shadow & SHADOW == 0


@implements(contract.vcpu_request_interrupt_window)
@fn
def vcpu_request_interrupt_window(vcpu: Vcpu, wanted: bool) -> None:
    """A virtual interrupt that is intercepted just before the guest would take it."""
    control = control_of(vcpu)
    if wanted:
        control.virtual_interrupt = VirtualInterrupt(
            masking=True, irq=True, ignore_tpr=True, priority=u8(HIGHEST_PRIORITY)
        )
        control.intercept_events = control.intercept_events | VIRTUAL_INTERRUPT
    else:
        control.virtual_interrupt = VirtualInterrupt(masking=True)
        control.intercept_events = control.intercept_events & ~VIRTUAL_INTERRUPT


@implements(contract.vcpu_request_nmi_window)
@fn
def vcpu_request_nmi_window(vcpu: Vcpu, wanted: bool) -> None:
    """SVM has no NMI window: the IRET that ends the handler is intercepted, and the first exit behind it is the
    window."""
    svm_of(vcpu).nmi_window = wanted


@fn(noinline=True)
def look_for_nmi_window(vcpu: Vcpu) -> None:
    """After an exit, while a window is wanted: an NMI may be offered again."""
    if vcpu_can_take_nmi(vcpu):
        svm_of(vcpu).nmi_window = False
        vcpu.work.fetch_or(NMI_WORK)


@fn
def block_nmis(vcpu: Vcpu) -> None:
    """An NMI is being delivered: further ones wait for its IRET."""
    state = svm_of(vcpu)
    state.nmi_blocked = True
    state.iret_pending = False
    control = state.vmcb.control
    control.intercept_events = control.intercept_events | IRET


@fn
def see_iret(vcpu: Vcpu) -> None:
    """The handler's IRET is about to run; NMIs stay blocked until RIP has moved on."""
    state = svm_of(vcpu)
    control = state.vmcb.control
    control.intercept_events = control.intercept_events & ~IRET
    state.iret_rip = state.vmcb.save.rip
    state.iret_pending = True
