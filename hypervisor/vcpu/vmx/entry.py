"""Into the guest and out again: the entry stub, and `vcpu_run` around it."""

# pyright: reportReturnType=false
# (declarations have no body)

from __future__ import annotations

from codegen.lang import fn, implements, static, stub, u32, u64
from hypervisor import profile
from hypervisor.cpu.per_cpu import CPU
from hypervisor.vcpu import contract
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.guard import BEFORE_ENTRY, BEHIND_EXIT, GUARD_CONSTANTS, OPERANDS, VERW_NOW
from hypervisor.vcpu.vcpu import GuestRegisters, Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.deadline import arm_preemption_timer
from hypervisor.vcpu.vmx.exit_reason import ENTRY_FAILURE, EXIT_REASONS, ExitReason
from hypervisor.vcpu.vmx.exit_table import DECODERS, HOT_DECODERS
from hypervisor.vcpu.vmx.inject import inject
from hypervisor.vcpu.vmx.instructions import deliver_host_machine_check
from hypervisor.vcpu.vmx.loaded import load
from hypervisor.vcpu.vmx.state import GUARDED_RESUME, RESUME, VmxVcpu, vmx_of

REFUSED = 0xFFFF_FFFF  # no exit reason: bits 27:16 of those are reserved, and zero

# RDI holds the vCPU, whose first bytes are its registers; it is loaded last. One test of `launched` finds the common
# case, VMRESUME without guards; the flags survive MOV, so the test of VERW decides behind the loads. HOST_RSP is the
# address of the vCPU: after an exit every register is saved relative to RSP, then RSP is the monitor's again. Nothing
# can push in between: interrupts are off, NMI and #MC have stacks of their own.
ENTER = (
    """
    push rbp
    mov [rdi + {{ host_rsp }}], rsp
    cmp dword ptr [rdi + {{ launched }}], {{ RESUME }}
    jne not_resume
    {% for name, offset in loads %}
    mov {{ name }}, [rdi + {{ offset }}]
    {% endfor %}
    vmresume
refused:
    mov eax, {{ REFUSED }}
    pop rbp
    ret
exited:
    {% for name, offset in saves %}
    mov [rsp + {{ offset }}], {{ name }}
    {% endfor %}
    mov rsp, [rsp + {{ host_rsp }}]
read_reason:
    mov eax, {{ EXIT_REASON }}
    vmread rax, rax
    pop rbp
    ret

not_resume:
    cmp dword ptr [rdi + {{ guards }}], 0
    jne guarded
    mov dword ptr [rdi + {{ launched }}], {{ RESUME }}
    lea rax, [rip + exited]
    mov ecx, {{ HOST_RIP }}
    vmwrite rcx, rax
    {% for name, offset in loads %}
    mov {{ name }}, [rdi + {{ offset }}]
    {% endfor %}
    vmlaunch
    jmp refused

guarded:
"""
    + BEFORE_ENTRY
    + """
    cmp dword ptr [rdi + {{ launched }}], 0
    jne guarded_resume
    mov dword ptr [rdi + {{ launched }}], {{ GUARDED_RESUME }}
    lea rax, [rip + guarded_exit]
    mov ecx, {{ HOST_RIP }}
    vmwrite rcx, rax
    test dword ptr [rdi + {{ guards }}], {{ VERW }}
    {% for name, offset in loads %}
    mov {{ name }}, [rdi + {{ offset }}]
    {% endfor %}
    jz launch_now
"""
    + VERW_NOW
    + """
launch_now:
    vmlaunch
    jmp refused
guarded_resume:
    test dword ptr [rdi + {{ guards }}], {{ VERW }}
    {% for name, offset in loads %}
    mov {{ name }}, [rdi + {{ offset }}]
    {% endfor %}
    jz resume_now
"""
    + VERW_NOW
    + """
resume_now:
    vmresume
    jmp refused
guarded_exit:
    {% for name, offset in saves %}
    mov [rsp + {{ offset }}], {{ name }}
    {% endfor %}
    mov rdi, rsp
    mov rsp, [rsp + {{ host_rsp }}]
"""
    + BEHIND_EXIT
    + """
    jmp read_reason
"""
    + OPERANDS
)

REGISTERS = tuple((name, field.offset) for name, field in GuestRegisters.__layout__.fields.items() if name != "rsp")


@stub(
    ENTER,
    constants={
        "host_rsp": Vcpu.vendor.offset + VmxVcpu.host_rsp.offset,
        "launched": Vcpu.vendor.offset + VmxVcpu.launched.offset,
        "guards": Vcpu.vendor.offset + VmxVcpu.guards.offset,
        "RESUME": RESUME,
        "GUARDED_RESUME": GUARDED_RESUME,
        "REFUSED": REFUSED,
        "EXIT_REASON": fields.EXIT_REASON.encoding,
        "HOST_RIP": fields.HOST_RIP.encoding,
        "saves": REGISTERS,
        "loads": (*(r for r in REGISTERS if r[0] != "rdi"), *(r for r in REGISTERS if r[0] == "rdi")),
        **GUARD_CONSTANTS,
    },
    clobbers=("rbx", "r12", "r13", "r14", "r15"),
)
def vmx_enter(vcpu: Vcpu) -> u32:
    """VMLAUNCH or VMRESUME: the exit reason, or REFUSED when the instruction itself failed (SDM vol. 3C, 31.3)."""


@implements(contract.vcpu_run)
@fn(inline=True)
def vcpu_run(vcpu: Vcpu) -> ExitKind:
    """Enter the guest and come back with the decoded exit. Interrupts are off, before and after. The hot exits are
    told apart by the code itself, so that their decoders and handlers become one piece with it."""
    load(vcpu)
    if not arm_preemption_timer(vcpu):
        return ExitKind.PREEMPTION
    if static(profile.DEBUG):
        assert vmx_of(vcpu).host_cpu == CPU.current.self_address
    if vcpu.pending.valid:
        inject(vcpu)
    reason = vmx_enter(vcpu)
    for hot, decode in static(HOT_DECODERS):
        if reason == u32(hot):
            return decode(vcpu)
    return decode_exit(vcpu, reason)


@fn(noinline=True)
def decode_exit(vcpu: Vcpu, reason: u32) -> ExitKind:
    """Any exit, by table."""
    if reason >= EXIT_REASONS:
        return entry_failed(vcpu, reason)
    vcpu.exit.hardware_reason = u64(reason)
    return DECODERS[reason](vcpu)


@fn(cold=True, noinline=True)
def entry_failed(vcpu: Vcpu, reason: u32) -> ExitKind:
    """The entry never reached the guest. `reason` is an exit reason with bit 31 set, or one that our controls do not
    allow; a refused instruction leaves its error in the VMCS (31.4)."""
    vcpu.exit.hardware_reason = u64(fields.INSTRUCTION_ERROR.read() if reason == REFUSED else reason)
    vcpu.exit.qualification = fields.EXIT_QUALIFICATION.read()
    if reason == ENTRY_FAILURE | u32(ExitReason.MACHINE_CHECK_AT_ENTRY):
        deliver_host_machine_check()
        return ExitKind.MACHINE_CHECK
    return ExitKind.ENTRY_FAILED
