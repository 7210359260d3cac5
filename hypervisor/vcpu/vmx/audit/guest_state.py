"""27.3.1.5 and 27.3.1.6: activity, interruptibility, pending debug exceptions, the link pointer and the PDPTEs."""

from __future__ import annotations

from codegen.lang import fn, rdmsr, static, u32
from hypervisor.vcpu.event import EventType, Vector
from hypervisor.vcpu.vmx import fields, msr_index
from hypervisor.vcpu.vmx.audit.event import entry_event
from hypervisor.vcpu.vmx.audit.guest_registers import entry_controls
from hypervisor.vcpu.vmx.audit.rule import rule, rules_of
from hypervisor.vcpu.vmx.capability import VmxMisc
from hypervisor.vcpu.vmx.control_registers import CR0_PG, CR4_PAE, PDPTE_RESERVED, PDPTES
from hypervisor.vcpu.vmx.create import NO_LINK
from hypervisor.vcpu.vmx.interruptibility import RFLAGS_IF, SHADOW, Interruptibility
from hypervisor.vcpu.vmx.skip import DEBUGCTL_BTF, PENDING_SINGLE_STEP, RFLAGS_TF
from hypervisor.vcpu.vmx.state import FEATURES

ACTIVE, HLT, SHUTDOWN, WAIT_FOR_STARTUP = 0, 1, 2, 3
INTERRUPTIBILITY_DEFINED = 0x1F
PENDING_DEFINED = 0x1_700F  # B0 to B3, enabled breakpoint, BS, RTM


@fn(cold=True)
def shadowed() -> bool:
    return fields.GUEST_INTERRUPTIBILITY.read() & SHADOW != 0


@rule("27.3.1.5", "the activity state must be one that the processor supports")
@fn(cold=True)
def activity() -> bool:
    misc = VmxMisc.of(rdmsr(u32(msr_index.IA32_VMX_MISC)))
    match fields.GUEST_ACTIVITY.read():
        case 0:
            return True
        case 1:
            return misc.hlt_state
        case 2:
            return misc.shutdown_state
        case 3:
            return misc.startup_state
        case _:
            return False


@rule("27.3.1.5", "the activity state must not be HLT if the DPL of SS is not 0")
@fn(cold=True)
def halted_privilege() -> bool:
    return fields.GUEST_ACTIVITY.read() != HLT or fields.GUEST_SS_RIGHTS.read() >> 5 & 3 == 0


@rule("27.3.1.5", "the activity state must be active in an interrupt shadow")
@fn(cold=True)
def active_in_shadow() -> bool:
    return fields.GUEST_ACTIVITY.read() == ACTIVE or not shadowed()


@rule("27.3.1.5", "the activity state must be one that the injected event can end")
@fn(cold=True)
def event_in_activity() -> bool:
    event = entry_event()
    if not event.valid:
        return True
    vector = u32(event.vector)
    wakes = event.type == EventType.INTERRUPT or event.type == EventType.NMI
    trap = event.type == EventType.EXCEPTION and (vector == u32(Vector.DB) or vector == u32(Vector.MC))
    match fields.GUEST_ACTIVITY.read():
        case 0:
            return True
        case 1:
            return wakes or trap
        case 2:
            return event.type == EventType.NMI or (event.type == EventType.EXCEPTION and vector == u32(Vector.MC))
        case _:
            return False


@rule("27.3.1.5", "reserved bits 31:5 of the interruptibility state must be 0")
@fn(cold=True)
def interruptibility_reserved() -> bool:
    return fields.GUEST_INTERRUPTIBILITY.read() & ~INTERRUPTIBILITY_DEFINED == 0


@rule("27.3.1.5", "blocking by STI and blocking by MOV SS must not both be 1")
@fn(cold=True)
def one_shadow() -> bool:
    return fields.GUEST_INTERRUPTIBILITY.read() & SHADOW != SHADOW


@rule("27.3.1.5", "blocking by STI must be 0 if RFLAGS.IF is 0")
@fn(cold=True)
def sti_needs_if() -> bool:
    blocking = Interruptibility.of(fields.GUEST_INTERRUPTIBILITY.read() & 0xF)
    return not blocking.sti or fields.GUEST_RFLAGS.read() & RFLAGS_IF != 0


@rule("27.3.1.5", "blocking by SMI must be 0 outside SMM")
@fn(cold=True)
def no_smi_blocking() -> bool:
    return not Interruptibility.of(fields.GUEST_INTERRUPTIBILITY.read() & 0xF).smi


@rule("27.3.1.5", "reserved bits of the pending debug exceptions must be 0")
@fn(cold=True)
def pending_debug_reserved() -> bool:
    return fields.GUEST_PENDING_DEBUG.read() & ~PENDING_DEFINED == 0


@rule("27.3.1.5", "in an interrupt shadow or HLT, pending BS must be 1 if and only if TF is 1 and BTF is 0")
@fn(cold=True)
def pending_single_step() -> bool:
    if not shadowed() and fields.GUEST_ACTIVITY.read() != HLT:
        return True
    stepping = fields.GUEST_RFLAGS.read() & RFLAGS_TF != 0 and fields.GUEST_DEBUGCTL.read() & DEBUGCTL_BTF == 0
    return (fields.GUEST_PENDING_DEBUG.read() & PENDING_SINGLE_STEP != 0) == stepping


@rule("27.3.1.5", "the VMCS link pointer must be FFFFFFFF_FFFFFFFFH: no shadow VMCS")
@fn(cold=True)
def link_pointer() -> bool:
    return fields.VMCS_LINK_POINTER.read() == NO_LINK


@rule("27.3.1.6", "with PAE paging, reserved bits of present PDPTEs must be 0")
@fn(cold=True)
def pdptes() -> bool:
    holds = True
    for field in static(PDPTES):
        entry = field.read()
        holds = holds and (entry & 1 == 0 or entry & (FEATURES.reserved_address | PDPTE_RESERVED) == 0)
    paging = fields.GUEST_CR0.read() & CR0_PG != 0 and fields.GUEST_CR4.read() & CR4_PAE != 0
    return holds or not paging or entry_controls().ia32e_guest


RULES = rules_of(globals())
