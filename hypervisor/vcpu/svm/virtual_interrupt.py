"""The VMCB's virtual interrupt (APM vol. 2, 15.21.4): one for the guest, or the request for a window.

One for the guest is taken by the processor itself, as soon as RFLAGS.IF and the shadow let it, and V_IRQ is clear then.
Until then it stays in the VMCB: its vector is in service already, so it goes before all that came later. EVENTINJ would
deliver it too, but QEMU's TCG sometimes delivers an interrupt of EVENTINJ twice, when another processor's kick arrives
at once. For a window VINTR is intercepted: the guest leaves where it would take the interrupt.
"""

from __future__ import annotations

from codegen.lang import fn, u8
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.svm.intercepts import VIRTUAL_INTERRUPT
from hypervisor.vcpu.svm.state import control_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from hypervisor.vcpu.vcpu import Vcpu

HIGHEST_PRIORITY = 15


@fn
def offer_to_guest(vcpu: Vcpu, vector: u8) -> None:
    """The guest takes `vector` as soon as it can. A window that was asked for is given up."""
    end_window(vcpu)
    control_of(vcpu).virtual_interrupt = VirtualInterrupt(
        masking=True, irq=True, ignore_tpr=True, priority=u8(HIGHEST_PRIORITY), vector=vector
    )


@fn
def is_offered(vcpu: Vcpu) -> bool:
    """One was offered to the guest, which has not taken it yet."""
    control = control_of(vcpu)
    return control.virtual_interrupt.irq and control.intercept_events & VIRTUAL_INTERRUPT == 0


@fn
def interrupt_waits(vcpu: Vcpu) -> bool:
    """The same, or one is to be offered at the next entry."""
    return is_offered(vcpu) or (vcpu.pending.valid and vcpu.pending.type == EventType.INTERRUPT)


@fn
def take_back(vcpu: Vcpu) -> None:
    """What is offered becomes `vcpu.pending` again."""
    control = control_of(vcpu)
    vcpu.pending = Event(vector=control.virtual_interrupt.vector, type=EventType.INTERRUPT, valid=True)
    control.virtual_interrupt = VirtualInterrupt(masking=True)


@fn
def begin_window(vcpu: Vcpu) -> None:
    """Leave the guest where it can take an interrupt. Nothing is offered."""
    control = control_of(vcpu)
    control.virtual_interrupt = VirtualInterrupt(masking=True, irq=True, ignore_tpr=True, priority=u8(HIGHEST_PRIORITY))
    control.intercept_events = control.intercept_events | VIRTUAL_INTERRUPT


@fn
def end_window(vcpu: Vcpu) -> None:
    """No window is wanted. What is offered to the guest stays."""
    control = control_of(vcpu)
    if control.intercept_events & VIRTUAL_INTERRUPT != 0:
        control.virtual_interrupt = VirtualInterrupt(masking=True)
        control.intercept_events = control.intercept_events & ~VIRTUAL_INTERRUPT
