"""Exceptions of the guest, and interrupts, NMIs and machine checks of the host (SDM vol. 3C, table 25-19)."""

from __future__ import annotations

from codegen.lang import fn, read_dr6, u8, u32, write_dr6
from hypervisor.cpu.interrupts import dispatch_interrupt
from hypervisor.vcpu.event import EventType, Vector
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.inject import recover_event
from hypervisor.vcpu.vmx.instructions import deliver_host_machine_check, deliver_host_nmi
from hypervisor.vcpu.vmx.interruptibility import SHADOW
from hypervisor.vcpu.vmx.skip import RFLAGS_TF, vcpu_skip_instruction

HAS_ERROR = 1 << 11
DR6_TRIGGERS = 0x600F  # B0 to B3, BD, BS: where the qualification has them too (table 28-1)
DR6_BREAKPOINTS = 0xF
DR7_GD = 1 << 13
PENDING_SINGLE_STEP = 1 << 14


@fn
def decode_external_interrupt(vcpu: Vcpu) -> ExitKind:
    """The exit acknowledged the interrupt: the vector's handler of the host runs now."""
    vector = fields.EXIT_INTERRUPTION.read() & 0xFF
    vcpu.exit.vector = u8.trunc(vector)
    dispatch_interrupt(vector)
    return ExitKind.HOST_INTERRUPT


@fn
def decode_exception_or_nmi(vcpu: Vcpu) -> ExitKind:
    """NMIs and machine checks go to the host's handlers; #DB and #AC are the guest's own."""
    information = fields.EXIT_INTERRUPTION.read()
    vector = information & 0xFF
    recover_event(vcpu)
    if information >> 8 & 7 == u32(EventType.NMI):
        deliver_host_nmi()
        return ExitKind.HOST_NMI
    if vector == u32(Vector.MC):
        deliver_host_machine_check()
        return ExitKind.MACHINE_CHECK
    if vector == u32(Vector.DB):
        complete_debug_exception(vcpu, information >> 8 & 7)
    vcpu.exit.vector = u8.trunc(vector)
    vcpu.exit.error_code = fields.EXIT_ERROR_CODE.read() if information & HAS_ERROR != 0 else u32(0)
    return ExitKind.EXCEPTION


@fn(noinline=True)
def complete_debug_exception(vcpu: Vcpu, event_type: u32) -> None:
    """What delivery of #DB does to debug registers, which neither the exit nor the injection does (28.2.2)."""
    triggers = fields.EXIT_QUALIFICATION.read() & DR6_TRIGGERS
    write_dr6((read_dr6() & ~DR6_BREAKPOINTS) | triggers)
    fields.GUEST_DR7.write(fields.GUEST_DR7.read() & ~DR7_GD)
    if event_type == u32(EventType.PRIVILEGED_SOFTWARE):
        # INT1 is a trap: delivered as a plain exception, it must not run again.
        vcpu.exit.instruction_length = fields.EXIT_INSTRUCTION_LENGTH.read()
        vcpu_skip_instruction(vcpu)
    elif fields.GUEST_RFLAGS.read() & RFLAGS_TF != 0 and fields.GUEST_INTERRUPTIBILITY.read() & SHADOW != 0:
        # An entry in an interrupt shadow with TF set demands the pending single-step (27.3.1.5; XSA-308).
        fields.GUEST_PENDING_DEBUG.write(fields.GUEST_PENDING_DEBUG.read() | PENDING_SINGLE_STEP)
