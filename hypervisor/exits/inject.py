"""Queue an exception for the guest; it is delivered at the next entry in place of the instruction."""

from __future__ import annotations

from codegen.lang import fn, u8, u32
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.event import Event, EventType, Vector
from hypervisor.vcpu.vcpu import Vcpu


@fn
def inject_exception(vcpu: Vcpu, vector: Vector) -> Resume:
    """Queue an exception without an error code. The instruction that left is not skipped."""
    vcpu.pending = Event(vector=u8.trunc(u32(vector)), type=EventType.EXCEPTION, valid=True)
    return Resume.SAME_INSTRUCTION


@fn
def inject_exception_with_error(vcpu: Vcpu, vector: Vector, error: u32) -> Resume:
    """Queue an exception that pushes an error code."""
    vcpu.pending = Event(vector=u8.trunc(u32(vector)), type=EventType.EXCEPTION, has_error=True, valid=True)
    vcpu.pending_error = error
    return Resume.SAME_INSTRUCTION


@fn
def inject_general_protection(vcpu: Vcpu) -> Resume:
    """#GP(0): what hardware raises for a refused value."""
    return inject_exception_with_error(vcpu, Vector.GP, u32(0))


@fn
def inject_undefined_opcode(vcpu: Vcpu) -> Resume:
    """#UD: what hardware raises for an instruction that the guest's CPUID does not offer."""
    return inject_exception(vcpu, Vector.UD)
