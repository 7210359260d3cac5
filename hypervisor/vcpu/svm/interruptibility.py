"""When the guest can take an interrupt, and how to hear of it (APM vol. 2, 15.21.4)."""

from __future__ import annotations

from codegen.lang import Local, fn, implements, min, rdtsc, u64
from hypervisor.exits.decode.snapshot import first_bytes, is_long_mode
from hypervisor.time.clock import ns_to_tsc
from hypervisor.time.host_timer import host_timer_arm
from hypervisor.vcpu import contract
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.svm.segments import vcpu_read_segment
from hypervisor.vcpu.svm.state import control_of, save_of, svm_of
from hypervisor.vcpu.svm.virtual_interrupt import begin_window, end_window, interrupt_waits, is_offered, take_back
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, Vcpu

RFLAGS_IF = 1 << 9
SHADOW = 1
HLT = 0xF4
TAKEN_BY_THEN = 100_000  # ns behind the entry


@implements(contract.vcpu_can_take_interrupt)
@fn
def vcpu_can_take_interrupt(vcpu: Vcpu) -> bool:
    """RFLAGS.IF is set, there is no interrupt shadow and no event is being injected."""
    if vcpu.pending.valid or is_offered(vcpu) or not interrupts_on(vcpu):
        return False
    if control_of(vcpu).interrupt_shadow & SHADOW != 0:
        note_shadow(vcpu)
        return False
    return not at_shadowed_halt(vcpu)


@fn
def interrupts_on(vcpu: Vcpu) -> bool:
    """RFLAGS.IF."""
    return save_of(vcpu).rflags & RFLAGS_IF != 0


@fn
def note_shadow(vcpu: Vcpu) -> None:
    """After any exit that may have come within the shadow of STI or MOV SS: see `at_shadowed_halt`. What was offered to
    the guest before is offered anew, or not yet."""
    if control_of(vcpu).interrupt_shadow & SHADOW != 0:
        svm_of(vcpu).shadow_rip = save_of(vcpu).rip
        if is_offered(vcpu) and not vcpu.pending.valid:
            take_back(vcpu)


@fn
def at_shadowed_halt(vcpu: Vcpu) -> bool:
    """The next instruction was seen in a shadow, and is HLT. QEMU's TCG forgets the shadow when the guest is entered
    again: an interrupt would come between STI and HLT, and the guest would sleep through what it had to do. At HLT one
    may always wait: the instruction exits, and ends at once because of the interrupt."""
    return svm_of(vcpu).shadow_rip == save_of(vcpu).rip and is_at_halt(vcpu)


@fn(cold=True, noinline=True)
def is_at_halt(vcpu: Vcpu) -> bool:
    """Whether the byte at RIP is HLT's."""
    code = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, code)
    bytes = first_bytes(vcpu, code, is_long_mode(vcpu, code))
    return bytes is not None and bytes & 0xFF == HLT


@implements(contract.vcpu_request_interrupt_window)
@fn
def vcpu_request_interrupt_window(vcpu: Vcpu, wanted: bool) -> None:
    """A virtual interrupt that is intercepted just before the guest would take it. While another one is on its way to
    the guest there is no room for it: then we look again at the next exit, which comes soon."""
    if not wanted:
        end_window(vcpu)
    elif at_shadowed_halt(vcpu):
        vcpu.work.fetch_or(INTERRUPT_WORK)  # look again behind it
    elif interrupt_waits(vcpu):
        vcpu.work.fetch_or(INTERRUPT_WORK)
        host_timer_arm(min(vcpu.deadline, rdtsc() + ns_to_tsc(u64(TAKEN_BY_THEN))))
    else:
        begin_window(vcpu)
