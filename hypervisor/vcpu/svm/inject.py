"""Event injection, and what an exit in the middle of a delivery gives back (APM vol. 2, 15.20 and 15.7.2)."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.svm.interruptibility import at_shadowed_halt
from hypervisor.vcpu.svm.nmi import block_nmis
from hypervisor.vcpu.svm.state import control_of, save_of, svm_of
from hypervisor.vcpu.svm.virtual_interrupt import is_offered, offer_to_guest, take_back
from hypervisor.vcpu.vcpu import Vcpu

EVENT_BITS = 0x8000_0FFF
BREAKPOINT, OVERFLOW = 3, 4
CR0_PE = 1 << 0


@fn(noinline=True)
def inject(vcpu: Vcpu) -> None:
    """Have the next entry deliver `vcpu.pending`: an interrupt as a virtual one, the rest by EVENTINJ,
    whose low half is the event word. Real mode has no error codes."""
    event = vcpu.pending
    if event.type == EventType.INTERRUPT:
        inject_interrupt(vcpu, event.vector)
        return
    control = control_of(vcpu)
    if event.has_error and save_of(vcpu).cr0 & CR0_PE == 0:
        event = event.replace(has_error=False)
    control.event_injection = u64(u32(event)) | u64(vcpu.pending_error) << 32
    if event.type == EventType.NMI:
        block_nmis(vcpu)
    vcpu.pending = Event()


@fn
def inject_interrupt(vcpu: Vcpu, vector: u8) -> None:
    """Offer it to the guest, unless it has to wait at HLT: then it stays pending, and HLT ends at once."""
    if not at_shadowed_halt(vcpu):
        offer_to_guest(vcpu, vector)
        vcpu.pending = Event()


@fn(cold=True, noinline=True)
def put_back(vcpu: Vcpu, information: u64) -> None:
    """`information` is a valid EXITINTINFO. INT n, INT3 and INTO run again by themselves: RIP still points to them.
    When the delivery of a virtual interrupt ends so, QEMU's TCG leaves V_IRQ set and calls the vector an exception. (An
    exception of an offered interrupt's number would be a fault: it comes again.)"""
    event = Event.of(u32.trunc(information) & EVENT_BITS)
    if is_offered(vcpu) and event.type == EventType.EXCEPTION:
        if event.vector == control_of(vcpu).virtual_interrupt.vector:
            take_back(vcpu)
            return
    if event.type == EventType.SOFTWARE_INTERRUPT:
        return
    if event.type == EventType.EXCEPTION and (event.vector == BREAKPOINT or event.vector == OVERFLOW):
        return
    vcpu.pending = event
    vcpu.pending_error = u32.trunc(information >> 32)
    if event.type == EventType.NMI:
        svm_of(vcpu).nmi_blocked = False
