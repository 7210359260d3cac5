"""Queue an exception for the guest; it is delivered at the next entry in place of the instruction.

What the processor meets while it delivers an event by itself, it resolves by itself. Here is what we find out: an
exception while another event is queued or was put back because an exit interrupted its delivery.
"""

from __future__ import annotations

from codegen.lang import HwEnum, fn, table, u8, u32
from hypervisor.exits.registry import Resume
from hypervisor.exits.stop import stop_by_shutdown
from hypervisor.vcpu.event import Event, EventType, Vector, error_code_vectors
from hypervisor.vcpu.vcpu import Vcpu


class ExceptionClass(HwEnum, repr=u8):
    """SDM vol. 3A, table 6-4; APM vol. 2, table 8-5."""

    BENIGN = 0
    CONTRIBUTORY = 1
    PAGE_FAULT = 2
    DOUBLE_FAULT = 3


CONTRIBUTORY = (0, 10, 11, 12, 13, 21)  # #DE #TS #NP #SS #GP #CP
VECTORS = 32
OTHERS = {int(u32(Vector.PF)): ExceptionClass.PAGE_FAULT, int(u32(Vector.DF)): ExceptionClass.DOUBLE_FAULT}
CLASSES = table(
    u8,
    [
        OTHERS.get(v, ExceptionClass.CONTRIBUTORY if v in CONTRIBUTORY else ExceptionClass.BENIGN).value
        for v in range(VECTORS)
    ],
)
ERROR_CODES = sum(1 << vector for vector in error_code_vectors())


@fn
def inject_exception(vcpu: Vcpu, vector: Vector) -> Resume:
    """Queue an exception without an error code. The instruction that left is not skipped."""
    return queue_exception(vcpu, u32(vector), u32(0))


@fn
def inject_exception_with_error(vcpu: Vcpu, vector: Vector, error: u32) -> Resume:
    """Queue an exception that pushes an error code."""
    return queue_exception(vcpu, u32(vector), error)


@fn
def inject_general_protection(vcpu: Vcpu) -> Resume:
    """#GP(0): what hardware raises for a refused value."""
    return inject_exception_with_error(vcpu, Vector.GP, u32(0))


@fn
def inject_undefined_opcode(vcpu: Vcpu) -> Resume:
    """#UD: what hardware raises for an instruction that the guest's CPUID does not offer."""
    return inject_exception(vcpu, Vector.UD)


@fn(noinline=True)
def queue_exception(vcpu: Vcpu, vector: u32, error: u32) -> Resume:
    """`vector` is below 32. Whether it pushes `error` is the architecture's to say."""
    has_error = u32(ERROR_CODES) >> (vector & 31) & 1 != 0
    if vcpu.pending.valid:
        return queue_second(vcpu, vector, has_error, error)
    vcpu.pending = Event(vector=u8.trunc(vector), type=EventType.EXCEPTION, has_error=has_error, valid=True)
    vcpu.pending_error = error
    return Resume.SAME_INSTRUCTION


@fn(noinline=True, cold=True)
def queue_second(vcpu: Vcpu, vector: u32, has_error: bool, error: u32) -> Resume:
    """An exception while `pending` is on its way (SDM vol. 3A, table 6-5). Two that must be handled in turn: the second
    one now, the first one when its instruction runs again."""
    first = class_of(vcpu.pending)
    second = Event(vector=u8.trunc(vector), type=EventType.EXCEPTION, has_error=has_error, valid=True)
    if first == u8(ExceptionClass.BENIGN) or class_of(second) == u8(ExceptionClass.BENIGN):
        vcpu.pending = second
        vcpu.pending_error = error
        return Resume.SAME_INSTRUCTION
    if first == u8(ExceptionClass.DOUBLE_FAULT):
        vcpu.pending = Event()
        return stop_by_shutdown(vcpu)
    if first == u8(ExceptionClass.CONTRIBUTORY) and class_of(second) == u8(ExceptionClass.PAGE_FAULT):
        vcpu.pending = second
        vcpu.pending_error = error
        return Resume.SAME_INSTRUCTION
    vcpu.pending = Event(vector=u8(Vector.DF), type=EventType.EXCEPTION, has_error=True, valid=True)
    vcpu.pending_error = 0
    return Resume.SAME_INSTRUCTION


@fn
def class_of(event: Event) -> u8:
    """An ExceptionClass as its number; interrupts, NMIs and INT n are benign."""
    if event.type != EventType.EXCEPTION:
        return u8(ExceptionClass.BENIGN)
    return CLASSES[event.vector & 31]
