"""From the basic exit reason to its decoder: the two tables of VT-x exits."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import fn, fn_table
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.decode_control import decode_control_register, decode_task_switch
from hypervisor.vcpu.vmx.decode_event import decode_exception_or_nmi, decode_external_interrupt
from hypervisor.vcpu.vmx.decode_memory import decode_ept_misconfiguration, decode_ept_violation
from hypervisor.vcpu.vmx.decode_port import decode_port
from hypervisor.vcpu.vmx.exit_reason import EXIT_REASONS, ExitReason

Decoder = Callable[[Vcpu], ExitKind]


def instruction(kind: ExitKind) -> Decoder:
    """An instruction of which only the length matters."""

    @fn
    def decode(vcpu: Vcpu) -> ExitKind:
        vcpu.exit.instruction_length = fields.EXIT_INSTRUCTION_LENGTH.read()
        return kind

    return decode


def event(kind: ExitKind) -> Decoder:
    """Something between two instructions, without details."""

    @fn
    def decode(vcpu: Vcpu) -> ExitKind:
        return kind

    return decode


@fn
def decode_unknown(vcpu: Vcpu) -> ExitKind:
    """A reason that our controls do not cause."""
    vcpu.exit.qualification = fields.EXIT_QUALIFICATION.read()
    return ExitKind.UNKNOWN


REFUSED = instruction(ExitKind.VIRTUALIZATION_INSTRUCTION)

# What guests do most.
HOT_DECODERS = (
    (ExitReason.CPUID, instruction(ExitKind.CPUID)),
    (ExitReason.IO_INSTRUCTION, decode_port),
    (ExitReason.RDMSR, instruction(ExitKind.RDMSR)),
    (ExitReason.WRMSR, instruction(ExitKind.WRMSR)),
    (ExitReason.VMCALL, instruction(ExitKind.HYPERCALL)),
    (ExitReason.EPT_VIOLATION, decode_ept_violation),
)

DECODERS = fn_table(
    {
        ExitReason.EXCEPTION_OR_NMI: decode_exception_or_nmi,
        ExitReason.EXTERNAL_INTERRUPT: decode_external_interrupt,
        ExitReason.TRIPLE_FAULT: event(ExitKind.TRIPLE_FAULT),
        ExitReason.INIT_SIGNAL: event(ExitKind.INIT),
        ExitReason.STARTUP_IPI: event(ExitKind.STARTUP_IPI),
        ExitReason.INTERRUPT_WINDOW: event(ExitKind.INTERRUPT_WINDOW),
        ExitReason.NMI_WINDOW: event(ExitKind.NMI_WINDOW),
        ExitReason.TASK_SWITCH: decode_task_switch,
        ExitReason.HLT: instruction(ExitKind.HLT),
        ExitReason.INVD: instruction(ExitKind.WBINVD),
        ExitReason.WBINVD: instruction(ExitKind.WBINVD),
        ExitReason.RDPMC: instruction(ExitKind.RDPMC),
        ExitReason.CONTROL_REGISTER: decode_control_register,
        ExitReason.MWAIT: instruction(ExitKind.MONITOR),
        ExitReason.MONITOR: instruction(ExitKind.MONITOR),
        ExitReason.EPT_MISCONFIGURATION: decode_ept_misconfiguration,
        ExitReason.PREEMPTION_TIMER: event(ExitKind.PREEMPTION),
        ExitReason.XSETBV: instruction(ExitKind.XSETBV),
        ExitReason.GETSEC: REFUSED,
        ExitReason.VMCLEAR: REFUSED,
        ExitReason.VMLAUNCH: REFUSED,
        ExitReason.VMPTRLD: REFUSED,
        ExitReason.VMPTRST: REFUSED,
        ExitReason.VMREAD: REFUSED,
        ExitReason.VMRESUME: REFUSED,
        ExitReason.VMWRITE: REFUSED,
        ExitReason.VMXOFF: REFUSED,
        ExitReason.VMXON: REFUSED,
        ExitReason.INVEPT: REFUSED,
        ExitReason.INVVPID: REFUSED,
        ExitReason.VMFUNC: REFUSED,
    },
    default=decode_unknown,
    size=EXIT_REASONS,
)
