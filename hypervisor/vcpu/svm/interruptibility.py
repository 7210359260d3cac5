"""When the guest can take an interrupt, and how to hear of it (APM vol. 2, 15.21.4)."""

from __future__ import annotations

from codegen.lang import fn, implements, u8
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.intercepts import VIRTUAL_INTERRUPT
from hypervisor.vcpu.svm.state import control_of, save_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from hypervisor.vcpu.vcpu import Vcpu

RFLAGS_IF = 1 << 9
SHADOW = 1
HIGHEST_PRIORITY = 15


@implements(contract.vcpu_can_take_interrupt)
@fn
def vcpu_can_take_interrupt(vcpu: Vcpu) -> bool:
    """RFLAGS.IF is set, there is no interrupt shadow and no event is being injected."""
    if vcpu.pending.valid or save_of(vcpu).rflags & RFLAGS_IF == 0:
        return False
    return control_of(vcpu).interrupt_shadow & SHADOW == 0


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
