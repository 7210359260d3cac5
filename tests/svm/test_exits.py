from __future__ import annotations

import pytest

from codegen.lang import bind, u8, u32, u64
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.svm.entry import svm_enter, vcpu_run
from hypervisor.vcpu.svm.exit_code import ExitCode
from hypervisor.vcpu.svm.model import PROCESSOR
from hypervisor.vcpu.svm.nmi import vcpu_can_take_nmi, vcpu_request_nmi_window
from hypervisor.vcpu.svm.skip import vcpu_skip_instruction
from hypervisor.vcpu.svm.state import SVM, control_of, save_of, svm_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from hypervisor.vcpu.vcpu import VcpuWork
from tests.played_guest.machine import new_machine, put, set_mode

INSTRUCTIONS = {
    ExitCode.CPUID: (ExitKind.CPUID, "0fa2"),
    ExitCode.HLT: (ExitKind.HLT, "f4"),
    ExitCode.INVD: (ExitKind.WBINVD, "0f08"),
    ExitCode.WBINVD: (ExitKind.WBINVD, "0f09"),
    ExitCode.VMMCALL: (ExitKind.HYPERCALL, "0f01d9"),
    ExitCode.XSETBV: (ExitKind.XSETBV, "0f01d1"),
}
EVENTS = {
    ExitCode.SHUTDOWN: ExitKind.TRIPLE_FAULT,
    ExitCode.VIRTUAL_INTERRUPT: ExitKind.INTERRUPT_WINDOW,
    ExitCode.INTERRUPT: ExitKind.HOST_INTERRUPT,
    ExitCode.NMI: ExitKind.HOST_NMI,
    ExitCode.SMI: ExitKind.NONE,
    ExitCode.INIT: ExitKind.INIT,
    ExitCode.RDPMC: ExitKind.RDPMC,
    ExitCode.MONITOR: ExitKind.MONITOR,
    ExitCode.MWAIT: ExitKind.MONITOR,
    ExitCode.MWAIT_ARMED: ExitKind.MONITOR,
    **dict.fromkeys(
        (
            ExitCode.VMRUN,
            ExitCode.VMLOAD,
            ExitCode.VMSAVE,
            ExitCode.STGI,
            ExitCode.CLGI,
            ExitCode.SKINIT,
            ExitCode.INVLPGA,
            ExitCode.RDPRU,
        ),
        ExitKind.VIRTUALIZATION_INSTRUCTION,
    ),
}
RIP = 0x20_0000


@pytest.fixture
def vcpu():
    PROCESSOR.reset()
    vcpu = new_machine()
    set_mode(vcpu, 64, RIP)
    yield vcpu
    bind(svm_enter, None)


def leave(vcpu, code, **information):
    """Run the vCPU; the guest leaves at once."""

    def enter(_):
        control = control_of(vcpu)
        control.exit_code = code.value if isinstance(code, ExitCode) else code
        control.event_injection = 0
        for name, value in {"exit_interrupt_info": 0, **information}.items():
            setattr(control, name, value)

    bind(svm_enter, enter)
    return vcpu_run(vcpu)


@pytest.mark.parametrize("code", INSTRUCTIONS)
@pytest.mark.parametrize("prefix", ["", "66", "48", "2e66"])
@pytest.mark.parametrize("next_rip", [True, False])
def test_an_instruction_exit_gives_its_kind_and_length(vcpu, code, prefix, next_rip):
    kind, text = INSTRUCTIONS[code]
    instruction = bytes.fromhex(prefix + text)
    put(RIP, instruction)
    SVM.next_rip = next_rip
    assert leave(vcpu, code, next_rip=RIP + len(instruction)) == kind
    assert vcpu.exit.instruction_length == len(instruction)


@pytest.mark.parametrize("code", INSTRUCTIONS)
def test_an_instruction_that_was_overwritten_is_not_skipped(vcpu, code):
    SVM.next_rip = False
    put(RIP, b"\x90" * 16)
    assert leave(vcpu, code) == ExitKind.UNKNOWN


@pytest.mark.parametrize("code", EVENTS)
def test_an_event_exit_gives_its_kind(vcpu, code):
    assert leave(vcpu, code) == EVENTS[code]


@pytest.mark.parametrize("code", [0x00, 0x05, 0x40, 0x4E, 0x8F, 0x90, 0x3FF, 0x401, 0x403, 1 << 40])
def test_a_code_that_our_intercepts_do_not_cause_is_unknown(vcpu, code):
    assert leave(vcpu, code, exit_info_1=7) == ExitKind.UNKNOWN
    assert (vcpu.exit.hardware_reason, vcpu.exit.qualification) == (code, 7)


def test_a_refused_entry_is_a_failed_entry(vcpu):
    assert leave(vcpu, 0xFFFF_FFFF_FFFF_FFFF) == ExitKind.ENTRY_FAILED
    assert leave(vcpu, 0xFFFF_FFFF) == ExitKind.ENTRY_FAILED  # as QEMU writes it


@pytest.mark.parametrize(("is_write", "text", "kind"), [(0, "0f32", ExitKind.RDMSR), (1, "0f30", ExitKind.WRMSR)])
@pytest.mark.parametrize("next_rip", [True, False])
def test_an_msr_exit_gives_its_direction(vcpu, is_write, text, kind, next_rip):
    SVM.next_rip = next_rip
    put(RIP, bytes.fromhex(text))
    assert leave(vcpu, ExitCode.MSR, exit_info_1=is_write, next_rip=RIP + 2) == kind
    assert vcpu.exit.instruction_length == 2


@pytest.mark.parametrize(("size", "width"), [(1 << 4, 1), (1 << 5, 2), (1 << 6, 4)])
@pytest.mark.parametrize("is_in", [False, True])
def test_a_port_exit_gives_port_width_and_direction(vcpu, size, width, is_in):
    assert leave(vcpu, ExitCode.PORT, exit_info_1=0xCF8 << 16 | size | is_in, exit_info_2=RIP + 2) == ExitKind.PORT
    port = vcpu.exit.port
    assert (port.port, port.width, port.is_in, port.is_string) == (0xCF8, width, is_in, False)
    assert vcpu.exit.instruction_length == 2


@pytest.mark.parametrize(
    ("bits", "text", "segment", "address_size"),
    [
        (64, "f36f", 3, 8),
        (64, "f3676e", 3, 4),
        (64, "64f36e", 4, 8),
        (32, "f36c", 3, 4),
        (32, "67f36c", 3, 2),
        (32, "266e", 0, 4),
        (16, "6e", 3, 2),
        (16, "67366f", 2, 4),
    ],
)
def test_a_string_port_exit_takes_segment_and_address_size_from_the_prefixes(vcpu, bits, text, segment, address_size):
    set_mode(vcpu, bits, RIP)
    put(RIP, bytes.fromhex(text))
    assert leave(vcpu, ExitCode.PORT, exit_info_1=0x1F0 << 16 | 1 << 5 | 1 << 3 | 1 << 2) == ExitKind.PORT
    port = vcpu.exit.port
    assert port.is_string and port.is_repeat
    assert (port.segment, port.address_size) == (segment, address_size)


def test_a_string_port_exit_of_another_instruction_is_unknown(vcpu):
    put(RIP, b"\x90\x6c")
    assert leave(vcpu, ExitCode.PORT, exit_info_1=0x1F0 << 16 | 1 << 5 | 1 << 2) == ExitKind.UNKNOWN


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (0x1_0000_0004, (False, False, False, False)),
        (0x1_0000_0006, (True, False, False, False)),
        (0x1_0000_0014, (False, True, False, False)),
        (0x2_0000_0006, (True, False, True, False)),
        (0x1_0000_000D, (False, False, False, True)),
    ],
)
def test_a_nested_page_fault_gives_address_and_cause(vcpu, error, expected):
    assert leave(vcpu, 0x400, exit_info_1=error, exit_info_2=0xFEE0_0020) == ExitKind.GUEST_MEMORY
    cause = vcpu.exit.cause
    assert int(vcpu.exit.gpa) == 0xFEE0_0020
    assert (cause.write, cause.fetch, cause.page_walk, cause.reserved) == expected


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (ExitCode.CR4_WRITE, "0f22e3", {"register": 4, "is_write": True, "gpr": 3}),
        (ExitCode.CR4_READ, "0f20e0", {"register": 4, "is_write": False, "gpr": 0}),
        (ExitCode.CR8_WRITE, "440f22c0", {"register": 8, "is_write": True, "gpr": 0}),
        (ExitCode.CR8_WRITE, "450f22c7", {"register": 8, "is_write": True, "gpr": 15}),
        (ExitCode.CR8_READ, "440f20c1", {"register": 8, "is_write": False, "gpr": 1}),
        (ExitCode.CR8_READ, "f00f20c1", {"register": 8, "is_write": False, "gpr": 1}),
    ],
)
def test_a_control_register_exit_names_its_operands(vcpu, code, text, expected):
    put(RIP, bytes.fromhex(text))
    assert leave(vcpu, code) == ExitKind.CR_ACCESS
    assert {name: getattr(vcpu.exit.control_register, name) for name in expected} == expected
    assert vcpu.exit.instruction_length == len(text) // 2


@pytest.mark.parametrize(("code", "vector"), [(ExitCode.DEBUG_EXCEPTION, 1), (ExitCode.ALIGNMENT_CHECK, 17)])
def test_a_guests_exception_is_its_own(vcpu, code, vector):
    assert leave(vcpu, code, exit_info_1=0) == ExitKind.EXCEPTION
    assert vcpu.exit.vector == vector


def test_a_machine_check_reaches_the_hosts_handler(vcpu):
    assert leave(vcpu, ExitCode.MACHINE_CHECK) == ExitKind.MACHINE_CHECK
    assert PROCESSOR.host_events == [18]


def test_an_interrupted_exception_comes_back_with_its_error_code(vcpu):
    leave(vcpu, 0x400, exit_info_1=0x1_0000_0004, exit_interrupt_info=0x0000_0002_8000_1B0E)
    assert vcpu.pending == Event(vector=u8(14), type=EventType.EXCEPTION, has_error=True, valid=True)
    assert vcpu.pending_error == 2


INTERRUPT = Event(vector=u8(0x30), type=EventType.INTERRUPT, valid=True)


def offered(vcpu):
    return bool(control_of(vcpu).virtual_interrupt.irq)


def test_an_interrupt_that_was_not_taken_stays_offered(vcpu):
    vcpu.pending = INTERRUPT
    leave(vcpu, ExitCode.INTERRUPT)
    assert offered(vcpu) and not vcpu.pending.valid


@pytest.mark.parametrize("cleared", [True, False])
def test_an_interrupted_virtual_interrupt_comes_back(vcpu, cleared):
    vcpu.pending = INTERRUPT
    if cleared:  # as the manual has it
        virtual = VirtualInterrupt(masking=True, vector=u8(0x30))
        leave(vcpu, 0x400, exit_interrupt_info=0x8000_0030, virtual_interrupt=virtual)
    else:  # as QEMU's TCG does it
        leave(vcpu, 0x400, exit_interrupt_info=0x8000_0330)
    assert vcpu.pending == INTERRUPT and not offered(vcpu)


def test_an_interrupted_exception_comes_back_before_an_offered_interrupt(vcpu):
    vcpu.pending = INTERRUPT
    leave(vcpu, 0x400, exit_interrupt_info=0x0000_0002_8000_0B0E)
    assert vcpu.pending.vector == 14 and offered(vcpu)


@pytest.mark.parametrize(("rflags", "kind"), [(0x202, ExitKind.NONE), (2, ExitKind.HLT)])
def test_halt_ends_at_once_when_an_interrupt_is_offered_that_rflags_let_through(vcpu, rflags, kind):
    put(RIP, b"\xf4")
    vcpu.pending = INTERRUPT
    leave(vcpu, ExitCode.INTERRUPT)
    save_of(vcpu).rflags, control_of(vcpu).interrupt_shadow = rflags, 1
    assert leave(vcpu, ExitCode.HLT, next_rip=RIP + 1) == kind
    done = kind == ExitKind.NONE
    assert save_of(vcpu).rip == RIP + done and control_of(vcpu).interrupt_shadow == 1 - done and offered(vcpu)


@pytest.mark.parametrize("information", [0x8000_0480, 0x8000_0303, 0x8000_0304])
def test_a_software_event_runs_again_by_itself(vcpu, information):
    leave(vcpu, 0x400, exit_interrupt_info=information)
    assert not vcpu.pending.valid


def test_an_interrupted_nmi_comes_back_unblocked(vcpu):
    vcpu.pending = Event(vector=u8(2), type=EventType.NMI, valid=True)
    leave(vcpu, 0x400, exit_interrupt_info=0x8000_0202)
    assert vcpu.pending.type == EventType.NMI and not svm_of(vcpu).nmi_blocked


def test_an_nmi_that_waits_is_offered_at_the_first_exit_behind_the_iret(vcpu):
    vcpu.pending = Event(vector=u8(2), type=EventType.NMI, valid=True)
    leave(vcpu, ExitCode.INTERRUPT)
    vcpu_request_nmi_window(vcpu, True)
    assert leave(vcpu, ExitCode.IRET) == ExitKind.NONE
    assert vcpu.work.load() == 0
    save_of(vcpu).rip = RIP + 0x100
    leave(vcpu, ExitCode.INTERRUPT)
    assert VcpuWork.of(vcpu.work.load()).nmi
    vcpu.work.store(u32(0))
    leave(vcpu, ExitCode.INTERRUPT)
    assert vcpu.work.load() == 0


IRETQ = b"\x48\xcf"
TF, BS, B0 = 1 << 8, 1 << 14, 1


@pytest.fixture
def in_handler(vcpu):
    """An NMI's handler runs, a second NMI waits, and the guest has come to the handler's IRET."""
    vcpu.pending = Event(vector=u8(2), type=EventType.NMI, valid=True)
    leave(vcpu, ExitCode.INTERRUPT)
    vcpu_request_nmi_window(vcpu, True)
    assert leave(vcpu, ExitCode.IRET) == ExitKind.NONE
    return vcpu


def stepped(vcpu, rflags, dr6=BS):
    """The guest has run one instruction."""
    save = save_of(vcpu)

    def enter(_):
        assert save.rflags & TF != 0
        save.rip, save.rflags, save.dr6 = RIP + 0x100, rflags, save.dr6 | u64(dr6)
        control_of(vcpu).exit_code, control_of(vcpu).exit_interrupt_info = ExitCode.DEBUG_EXCEPTION.value, 0

    bind(svm_enter, enter)
    return vcpu_run(vcpu)


@pytest.mark.parametrize("rflags", [2, 0x302])
def test_one_step_over_the_iret_opens_the_nmi_window_and_leaves_what_it_loaded(in_handler, rflags):
    assert stepped(in_handler, rflags) == ExitKind.NMI_WINDOW
    assert vcpu_can_take_nmi(in_handler)
    assert save_of(in_handler).rflags == rflags and save_of(in_handler).dr6 & BS == 0


def test_a_breakpoint_behind_the_iret_is_the_guests(in_handler):
    assert stepped(in_handler, 2, BS | B0) == ExitKind.EXCEPTION
    assert in_handler.exit.vector == 1 and save_of(in_handler).dr6 & (BS | B0) == B0


def test_an_exit_before_the_step_opens_no_window(in_handler):
    assert leave(in_handler, ExitCode.INTERRUPT) == ExitKind.HOST_INTERRUPT
    assert not vcpu_can_take_nmi(in_handler) and in_handler.work.load() == 0
    assert stepped(in_handler, 2) == ExitKind.NMI_WINDOW


def test_one_step_over_a_shadow_opens_the_nmi_window_and_takes_tf_away(vcpu):
    leave(vcpu, ExitCode.INTERRUPT)
    control_of(vcpu).interrupt_shadow = 1
    vcpu_request_nmi_window(vcpu, True)
    assert stepped(vcpu, 0x302) == ExitKind.NMI_WINDOW
    assert save_of(vcpu).rflags == 0x202


def test_an_emulated_instruction_ends_the_step_without_an_exception(vcpu):
    leave(vcpu, ExitCode.INTERRUPT)
    save_of(vcpu).rflags = 0x202
    control_of(vcpu).interrupt_shadow = 1
    vcpu_request_nmi_window(vcpu, True)
    leave(vcpu, ExitCode.HLT)
    vcpu_skip_instruction(vcpu)
    assert save_of(vcpu).rflags == 0x202 and not vcpu.pending.valid
    assert VcpuWork.of(vcpu.work.load()).nmi


def test_a_guest_that_steps_by_itself_gets_its_exception(vcpu):
    vcpu.pending = Event(vector=u8(2), type=EventType.NMI, valid=True)
    leave(vcpu, ExitCode.INTERRUPT)
    vcpu_request_nmi_window(vcpu, True)
    save_of(vcpu).rflags = 2 | TF
    leave(vcpu, ExitCode.IRET)
    assert stepped(vcpu, 2) == ExitKind.EXCEPTION
    assert save_of(vcpu).dr6 & BS != 0


def test_a_flush_lasts_for_one_entry(vcpu):
    seen = []

    def enter(_):
        seen.append(int(control_of(vcpu).tlb_control))
        control_of(vcpu).exit_code = ExitCode.INTERRUPT.value

    bind(svm_enter, enter)
    vcpu_run(vcpu)
    vcpu_run(vcpu)
    assert seen == [1, 0]
