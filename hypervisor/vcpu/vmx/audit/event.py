"""27.2.1.3 and 27.3.1: the event to inject, and whether the guest's state can take it."""

from __future__ import annotations

from codegen.lang import fn, rdmsr, u32
from hypervisor.vcpu.event import Event, EventType, Vector, error_code_vectors
from hypervisor.vcpu.vmx import fields, msr_index
from hypervisor.vcpu.vmx.audit.rule import rule, rules_of
from hypervisor.vcpu.vmx.capability import VmxMisc
from hypervisor.vcpu.vmx.inject import CR0_PE, EVENT_BITS, FIRST_SOFTWARE_TYPE
from hypervisor.vcpu.vmx.interruptibility import RFLAGS_IF, Interruptibility

WITH_ERROR_CODE = sum(1 << vector for vector in error_code_vectors())
RESERVED_TYPE = 1
OTHER_EVENT = 7
LENGTH_MAX = 15


@fn(cold=True)
def entry_event() -> Event:
    """The event that the entry would inject; not valid when there is none. Reserved types read as interrupts."""
    word = fields.ENTRY_INTERRUPTION.read()
    kind = word >> 8 & 7
    if kind == RESERVED_TYPE or kind == OTHER_EVENT:
        return Event.of(word & EVENT_BITS & ~0x700)
    return Event.of(word & EVENT_BITS)


@rule("27.2.1.3", "the event's interruption type must not be reserved (1) or another event (7)")
@fn(cold=True)
def event_type() -> bool:
    word = fields.ENTRY_INTERRUPTION.read()
    kind = word >> 8 & 7
    return not entry_event().valid or (kind != RESERVED_TYPE and kind != OTHER_EVENT)


@rule("27.2.1.3", "an NMI's vector must be 2, a hardware exception's at most 31")
@fn(cold=True)
def event_vector() -> bool:
    event = entry_event()
    if not event.valid:
        return True
    if event.type == EventType.NMI:
        return u32(event.vector) == u32(Vector.NMI)
    return event.type != EventType.EXCEPTION or event.vector <= 31


@rule(
    "27.2.1.3",
    "deliver error code must be 1 for the exceptions that have one, in protected mode, and for no other event",
)
@fn(cold=True)
def event_error_code() -> bool:
    event = entry_event()
    if not event.valid:
        return True
    has_one = event.type == EventType.EXCEPTION and event.vector <= 31
    if has_one:
        has_one = u32(WITH_ERROR_CODE) >> u32(event.vector & 31) & 1 != 0
    return event.has_error == (has_one and fields.GUEST_CR0.read() & CR0_PE != 0)


@rule("27.2.1.3", "reserved bits 30:12 of the VM-entry interruption information must be 0")
@fn(cold=True)
def event_reserved() -> bool:
    word = fields.ENTRY_INTERRUPTION.read()
    return not entry_event().valid or word & ~EVENT_BITS == 0


@rule("27.2.1.3", "bits 31:16 of the VM-entry exception error code must be 0")
@fn(cold=True)
def event_error_value() -> bool:
    event = entry_event()
    return not (event.valid and event.has_error) or fields.ENTRY_ERROR_CODE.read() >> 16 == 0


@rule(
    "27.2.1.3",
    "the VM-entry instruction length of a software event must be 1 to 15, or 0 where the processor allows it",
)
@fn(cold=True)
def event_length() -> bool:
    event = entry_event()
    if not event.valid or u32(event.type) < FIRST_SOFTWARE_TYPE:
        return True
    length = fields.ENTRY_INSTRUCTION_LENGTH.read()
    zero_allowed = VmxMisc.of(rdmsr(u32(msr_index.IA32_VMX_MISC))).zero_length_injection
    return length <= LENGTH_MAX and (length != 0 or zero_allowed)


@rule("27.3.1.4", "RFLAGS.IF must be 1 if an external interrupt is injected")
@fn(cold=True)
def interrupts_enabled() -> bool:
    event = entry_event()
    injecting = event.valid and event.type == EventType.INTERRUPT
    return not injecting or fields.GUEST_RFLAGS.read() & RFLAGS_IF != 0


@rule("27.3.1.5", "blocking by STI and by MOV SS must be 0 if an external interrupt is injected")
@fn(cold=True)
def interrupt_shadow() -> bool:
    event = entry_event()
    blocking = Interruptibility.of(fields.GUEST_INTERRUPTIBILITY.read() & 0xF)
    return not (event.valid and event.type == EventType.INTERRUPT) or not (blocking.sti or blocking.mov_ss)


@rule("27.3.1.5", "blocking by MOV SS must be 0 if an NMI is injected")
@fn(cold=True)
def nmi_shadow() -> bool:
    event = entry_event()
    blocking = Interruptibility.of(fields.GUEST_INTERRUPTIBILITY.read() & 0xF)
    return not (event.valid and event.type == EventType.NMI) or not blocking.mov_ss


@rule("27.3.1.5", "with virtual NMIs, blocking by NMI must be 0 if an NMI is injected")
@fn(cold=True)
def nmi_blocking() -> bool:
    event = entry_event()
    blocking = Interruptibility.of(fields.GUEST_INTERRUPTIBILITY.read() & 0xF)
    return not (event.valid and event.type == EventType.NMI) or not blocking.nmi


RULES = rules_of(globals())
