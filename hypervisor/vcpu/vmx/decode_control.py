"""Control-register accesses and task switches (SDM vol. 3C, tables 28-2 and 28-3)."""

from __future__ import annotations

from codegen.lang import fn, u8, u16, u32
from hypervisor.vcpu.exit import CrAccess, ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.inject import recover_event

MOV_TO, CLTS, LMSW = 0, 2, 3


@fn
def decode_control_register(vcpu: Vcpu) -> ExitKind:
    """MOV, CLTS, LMSW."""
    qualification = u32.trunc(fields.EXIT_QUALIFICATION.read())
    kind = qualification >> 4 & 3
    vcpu.exit.control_register = CrAccess(
        register=u8.trunc(qualification & 0xF),
        is_write=kind == MOV_TO,
        is_clts=kind == CLTS,
        is_lmsw=kind == LMSW,
        gpr=u8.trunc(qualification >> 8 & 0xF),
        lmsw_source=u16.trunc(qualification >> 16),
    )
    vcpu.exit.instruction_length = fields.EXIT_INSTRUCTION_LENGTH.read()
    return ExitKind.CR_ACCESS


@fn
def decode_task_switch(vcpu: Vcpu) -> ExitKind:
    """A task gate may have been on the way of an event."""
    vcpu.exit.qualification = fields.EXIT_QUALIFICATION.read()
    vcpu.exit.instruction_length = fields.EXIT_INSTRUCTION_LENGTH.read()
    recover_event(vcpu)
    return ExitKind.TASK_SWITCH
