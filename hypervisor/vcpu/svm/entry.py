"""Into the guest and out again: the entry stub, and `vcpu_run` around it."""

from __future__ import annotations

from codegen.lang import address_of, fn, implements, static, stub, u32, u64
from hypervisor import profile
from hypervisor.cpu.per_cpu import CPU
from hypervisor.time.host_timer import host_timer_arm
from hypervisor.vcpu import contract
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.guard import BEFORE_ENTRY, BEHIND_EXIT, GUARD_CONSTANTS, OPERANDS, VERW_NOW
from hypervisor.vcpu.svm.exit_code import EXIT_CODES, INVALID
from hypervisor.vcpu.svm.exit_table import DECODERS, HOT_DECODERS
from hypervisor.vcpu.svm.inject import inject, put_back
from hypervisor.vcpu.svm.loaded import load
from hypervisor.vcpu.svm.nmi import look_for_nmi_window
from hypervisor.vcpu.svm.state import SvmVcpu, control_of, svm_of
from hypervisor.vcpu.svm.tlb import after_entry, before_entry, may_enter
from hypervisor.vcpu.svm.vmcb import SAVE_RAX
from hypervisor.vcpu.vcpu import GuestRegisters, Vcpu

# RDI holds the vCPU, whose first bytes are its registers. From CLGI to STGI nothing interrupts; IF is set before VMRUN
# because, with V_INTR_MASKING, the host's IF decides whether a host interrupt ends the guest's run (APM vol. 2,
# 15.21.1). RSP is the vCPU's address while the guest runs, so that every register is saved relative to it: VMRUN gives
# back RAX, RSP and RIP. At STGI the host takes what was waiting, through its own IDT. The flags survive MOV, so the
# test of VERW decides behind the loads.
BEFORE_VMRUN = """
    push rbp
    mov [rdi + {{ host_rsp }}], rsp
    mov rdx, [rdi + {{ vmcb_address }}]
    mov rax, [rdi + {{ rax }}]
    mov [rdx + {{ save_rax }}], rax
    mov rax, [rdi + {{ vmcb_physical }}]
    clgi
    sti
    mov rsp, rdi
    vmload rax
"""

LOADS = """
    {% for name, offset in loads %}
    mov {{ name }}, [rdi + {{ offset }}]
    {% endfor %}
"""

SAVES = """
    vmrun rax
    vmsave rax
    {% for name, offset in saves %}
    mov [rsp + {{ offset }}], {{ name }}
    {% endfor %}
    mov rdi, rsp
    mov rdx, [rdi + {{ vmcb_address }}]
    mov rcx, [rdx + {{ save_rax }}]
    mov [rdi + {{ rax }}], rcx
    mov rax, [rdi + {{ host_physical }}]
    mov rsp, [rdi + {{ host_rsp }}]
    vmload rax
"""

BACK = """
    stgi
    cli
    pop rbp
    ret
"""

ENTER = BEFORE_VMRUN + LOADS + SAVES + BACK

ENTER_GUARDED = (
    BEFORE_ENTRY
    + BEFORE_VMRUN
    + "    test dword ptr [rdi + {{ guards }}], {{ VERW }}\n"
    + LOADS
    + "    jz run_now\n"
    + VERW_NOW
    + "run_now:\n"
    + SAVES
    + BEHIND_EXIT
    + BACK
    + OPERANDS
)

REGISTERS = tuple(
    (name, field.offset) for name, field in GuestRegisters.__layout__.fields.items() if name not in ("rax", "rsp")
)


LOST = ("rbx", "r12", "r13", "r14", "r15")  # RBP is the compiled code's frame pointer, so the stubs keep it

CONSTANTS: dict[str, object] = {
    "host_rsp": Vcpu.vendor.offset + SvmVcpu.host_rsp.offset,
    "vmcb_physical": Vcpu.vendor.offset + SvmVcpu.vmcb_physical.offset,
    "vmcb_address": Vcpu.vendor.offset + SvmVcpu.vmcb_address.offset,
    "host_physical": Vcpu.vendor.offset + SvmVcpu.host_physical.offset,
    "guards": Vcpu.vendor.offset + SvmVcpu.guards.offset,
    "save_rax": SAVE_RAX,
    "rax": GuestRegisters.rax.offset,
    "saves": REGISTERS,
    "loads": (*(r for r in REGISTERS if r[0] != "rdi"), *(r for r in REGISTERS if r[0] == "rdi")),
    **GUARD_CONSTANTS,
}


@stub(ENTER, constants=CONSTANTS, clobbers=LOST)
def svm_enter(vcpu: Vcpu) -> None:
    """VMRUN. Interrupts are off, before and after."""


@stub(ENTER_GUARDED, constants=CONSTANTS, clobbers=LOST)
def svm_enter_guarded(vcpu: Vcpu) -> None:
    """The same between the guards of this machine."""


@fn(noinline=True, cold=True)
def enter_rarely(vcpu: Vcpu) -> None:
    """An entry after another vCPU had the processor, with guards, with a flush,
    for a wanted NMI window, or after a timer interrupt that was
    taken behind an exit of another cause: then the deadline has passed, and the guest must not run on without a
    timer."""
    load(vcpu)
    if CPU.current.timer_fired.load() != 0:
        host_timer_arm(vcpu.deadline)
    state = svm_of(vcpu)
    before_entry(vcpu)
    if static(profile.DEBUG):
        assert may_enter(vcpu)
    if state.guards != 0:
        svm_enter_guarded(vcpu)
    else:
        if not state.nmi_window:
            CPU.current.plain_vcpu = address_of(vcpu)
        svm_enter(vcpu)
    after_entry(vcpu)
    if state.nmi_window:
        look_for_nmi_window(vcpu)


@implements(contract.vcpu_run)
@fn(inline=True)
def vcpu_run(vcpu: Vcpu) -> ExitKind:
    """Enter the guest and come back with the decoded exit. The hot exits are told apart by the code itself, so that
    their decoders and handlers become one piece with it."""
    if vcpu.pending.valid:
        inject(vcpu)
    if CPU.current.plain_vcpu == address_of(vcpu):
        if static(profile.DEBUG):
            assert CPU.current.loaded_vcpu == address_of(vcpu) and may_enter(vcpu)
        svm_enter(vcpu)
    else:
        enter_rarely(vcpu)
    state = svm_of(vcpu)
    control = state.vmcb.control
    if control.exit_interrupt_info & 0x8000_0000 != 0:
        put_back(vcpu, control.exit_interrupt_info)
    code = control.exit_code
    for hot, decode in static(HOT_DECODERS):
        if code == hot:
            return decode(vcpu)
    return decode_exit(vcpu, code)


@fn(noinline=True)
def decode_exit(vcpu: Vcpu, code: u64) -> ExitKind:
    """Any exit, by table."""
    vcpu.exit.hardware_reason = code
    if code < EXIT_CODES:
        return DECODERS[u32.trunc(code)](vcpu)
    vcpu.exit.qualification = control_of(vcpu).exit_info_1
    return ExitKind.ENTRY_FAILED if u32.trunc(code) == INVALID else ExitKind.UNKNOWN
