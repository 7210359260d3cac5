"""Event injection, and what an exit in the middle of a delivery gives back (APM vol. 2, 15.20 and 15.7.2)."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.svm.nmi import block_nmis
from hypervisor.vcpu.svm.state import control_of, save_of, svm_of
from hypervisor.vcpu.vcpu import Vcpu

EVENT_BITS = 0x8000_0FFF
BREAKPOINT, OVERFLOW = 3, 4
CR0_PE = 1 << 0


@fn
def inject(vcpu: Vcpu) -> None:
    """Have the next entry deliver `vcpu.pending`: the event word is EVENTINJ's low half. Real mode has no error
    codes."""
    event = vcpu.pending
    control = control_of(vcpu)
    if event.has_error and save_of(vcpu).cr0 & CR0_PE == 0:
        event = event.replace(has_error=False)
    control.event_injection = u64(u32(event)) | u64(vcpu.pending_error) << 32
    if event.type == EventType.NMI:
        block_nmis(vcpu)
    vcpu.pending = Event()


@fn(cold=True, noinline=True)
def put_back(vcpu: Vcpu, information: u64) -> None:
    """`information` is a valid EXITINTINFO. INT n, INT3 and INTO run again by themselves: RIP still points to them."""
    event = Event.of(u32.trunc(information) & EVENT_BITS)
    if event.type == EventType.SOFTWARE_INTERRUPT:
        return
    if event.type == EventType.EXCEPTION and (event.vector == BREAKPOINT or event.vector == OVERFLOW):
        return
    vcpu.pending = event
    vcpu.pending_error = u32.trunc(information >> 32)
    if event.type == EventType.NMI:
        svm_of(vcpu).nmi_blocked = False
