from __future__ import annotations

import pytest

from codegen.lang import Gpa, bind, host, u8, u32
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.entry import REFUSED, vcpu_run, vmx_enter
from hypervisor.vcpu.vmx.exit_reason import ExitReason

INSTRUCTIONS = {
    ExitReason.CPUID: ExitKind.CPUID,
    ExitReason.HLT: ExitKind.HLT,
    ExitReason.INVD: ExitKind.WBINVD,
    ExitReason.WBINVD: ExitKind.WBINVD,
    ExitReason.RDMSR: ExitKind.RDMSR,
    ExitReason.WRMSR: ExitKind.WRMSR,
    ExitReason.VMCALL: ExitKind.HYPERCALL,
    ExitReason.VMXON: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMLAUNCH: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMCLEAR: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMPTRLD: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMPTRST: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMREAD: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMRESUME: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMWRITE: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMXOFF: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.INVVPID: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.VMFUNC: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.INVEPT: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.GETSEC: ExitKind.VIRTUALIZATION_INSTRUCTION,
    ExitReason.XSETBV: ExitKind.XSETBV,
    ExitReason.RDPMC: ExitKind.RDPMC,
    ExitReason.MONITOR: ExitKind.MONITOR,
    ExitReason.MWAIT: ExitKind.MONITOR,
}

EVENTS = {
    ExitReason.TRIPLE_FAULT: ExitKind.TRIPLE_FAULT,
    ExitReason.INTERRUPT_WINDOW: ExitKind.INTERRUPT_WINDOW,
    ExitReason.NMI_WINDOW: ExitKind.NMI_WINDOW,
    ExitReason.PREEMPTION_TIMER: ExitKind.PREEMPTION,
    ExitReason.INIT_SIGNAL: ExitKind.INIT,
    ExitReason.STARTUP_IPI: ExitKind.STARTUP_IPI,
}


def leave(machine, vcpu, reason, **information):
    """Run the vCPU; the guest leaves at once with these fields."""
    encodings = {field.encoding: value for name, value in information.items() for field in (getattr(fields, name),)}
    number = reason.value if isinstance(reason, ExitReason) else reason

    def enter(_):

        machine.processor.vmcs.fields.update({fields.EXIT_REASON.encoding: number, **encodings})
        entry = fields.ENTRY_INTERRUPTION.encoding
        machine.processor.vmcs.fields[entry] &= 0x7FFF_FFFF
        return u32(number)

    bind(vmx_enter, enter)
    return vcpu_run(vcpu)


@pytest.mark.parametrize("reason", INSTRUCTIONS)
def test_an_instruction_exit_gives_its_kind_and_length(machine, vcpu, reason):
    assert leave(machine, vcpu, reason, EXIT_INSTRUCTION_LENGTH=3) == INSTRUCTIONS[reason]
    assert vcpu.exit.instruction_length == 3


@pytest.mark.parametrize("reason", [ExitReason.TASK_SWITCH, ExitReason.INIT_SIGNAL, 66])
def test_an_exit_that_may_end_in_the_log_keeps_its_reason(machine, vcpu, reason):
    leave(machine, vcpu, reason)
    assert vcpu.exit.hardware_reason == int(getattr(reason, "value", reason))


@pytest.mark.parametrize("reason", EVENTS)
def test_an_event_exit_gives_its_kind(machine, vcpu, reason):
    assert leave(machine, vcpu, reason) == EVENTS[reason]


@pytest.mark.parametrize("reason", [5, 6, 17, 33, 35, 66, 79])
def test_a_reason_that_our_controls_do_not_cause_is_unknown(machine, vcpu, reason):
    assert leave(machine, vcpu, reason, EXIT_QUALIFICATION=7) == ExitKind.UNKNOWN
    assert vcpu.exit.qualification == 7


@pytest.mark.parametrize(("size", "width"), [(0, 1), (1, 2), (3, 4)])
@pytest.mark.parametrize("is_in", [False, True])
def test_a_port_exit_gives_port_width_and_direction(machine, vcpu, size, width, is_in):
    qualification = 0xCF8 << 16 | 1 << 6 | is_in << 3 | size
    assert leave(machine, vcpu, ExitReason.IO_INSTRUCTION, EXIT_QUALIFICATION=qualification) == ExitKind.PORT
    port = vcpu.exit.port
    assert (port.port, port.width, port.is_in, port.is_string) == (0xCF8, width, is_in, False)


def test_a_string_port_exit_gives_segment_address_size_and_operand(machine, vcpu):
    leave(
        machine,
        vcpu,
        ExitReason.IO_INSTRUCTION,
        EXIT_QUALIFICATION=0xFFFF << 16 | 1 << 5 | 1 << 4 | 1,
        EXIT_INSTRUCTION_INFORMATION=2 << 15 | 1 << 7,
        GUEST_LINEAR_ADDRESS=0x1234_5678,
        EXIT_INSTRUCTION_LENGTH=2,
    )
    port = vcpu.exit.port
    assert (port.port, port.width, port.is_in, port.is_string, port.is_repeat) == (0xFFFF, 2, False, True, True)
    assert (port.segment, port.address_size) == (2, 4)
    assert int(vcpu.exit.gva) == 0x1234_5678


def test_an_ept_violation_gives_addresses_and_cause(machine, vcpu):
    reason = ExitReason.EPT_VIOLATION
    places = {"GUEST_PHYSICAL_ADDRESS": 0xFEE0_0020, "GUEST_LINEAR_ADDRESS": 0xFFFF_FFFF_FF5F_D020}
    assert leave(machine, vcpu, reason, EXIT_QUALIFICATION=0x182, **places) == ExitKind.GUEST_MEMORY
    assert int(vcpu.exit.gpa) == 0xFEE0_0020 and int(vcpu.exit.gva) == 0xFFFF_FFFF_FF5F_D020
    cause = vcpu.exit.cause
    assert (cause.write, cause.fetch, cause.page_walk, cause.linear_valid) == (True, False, False, True)
    leave(machine, vcpu, reason, EXIT_QUALIFICATION=0x81, **places)
    assert vcpu.exit.cause.page_walk and not vcpu.exit.cause.write
    leave(machine, vcpu, reason, EXIT_QUALIFICATION=0x04, **places)
    assert vcpu.exit.cause.fetch and not vcpu.exit.cause.page_walk and not vcpu.exit.cause.linear_valid


def test_an_event_that_an_ept_violation_interrupted_comes_back(machine, vcpu):
    leave(
        machine,
        vcpu,
        ExitReason.EPT_VIOLATION,
        EXIT_QUALIFICATION=0x181,
        IDT_VECTORING=0x8000_1B0E,  # #PF with an error code; bit 12 is undefined
        IDT_VECTORING_ERROR_CODE=2,
    )
    assert vcpu.pending == Event(vector=u8(14), type=EventType.EXCEPTION, has_error=True, valid=True)
    assert vcpu.pending_error == 2


def test_an_interrupted_nmi_comes_back_unblocked(machine, vcpu):
    machine.processor.vmcs.fields[fields.GUEST_INTERRUPTIBILITY.encoding] = 8
    leave(machine, vcpu, ExitReason.EPT_VIOLATION, EXIT_QUALIFICATION=0x181, IDT_VECTORING=0x8000_0202)
    assert vcpu.pending.type == EventType.NMI
    assert fields.GUEST_INTERRUPTIBILITY.read() == 0


def test_an_iret_that_faulted_keeps_nmis_blocked(machine, vcpu):
    leave(machine, vcpu, ExitReason.EPT_VIOLATION, EXIT_QUALIFICATION=0x1181, IDT_VECTORING=0)
    assert fields.GUEST_INTERRUPTIBILITY.read() == 8
    assert not vcpu.pending.valid


@pytest.mark.parametrize(
    ("qualification", "expected"),
    [
        (0x0000_0000, {"register": 0, "is_write": True, "gpr": 0}),
        (0x0000_0F18, {"register": 8, "is_write": False, "gpr": 15}),
        (0x0000_0304, {"register": 4, "is_write": True, "gpr": 3}),
        (0x0000_0020, {"is_clts": True, "is_write": False}),
        (0x1234_0030, {"is_lmsw": True, "lmsw_source": 0x1234, "is_write": False}),
    ],
)
def test_a_control_register_exit_names_its_operands(machine, vcpu, qualification, expected):
    reason = ExitReason.CONTROL_REGISTER
    assert leave(machine, vcpu, reason, EXIT_QUALIFICATION=qualification) == ExitKind.CR_ACCESS
    assert {name: getattr(vcpu.exit.control_register, name) for name in expected} == expected


def test_an_alignment_check_is_the_guests_own(machine, vcpu):
    reason = ExitReason.EXCEPTION_OR_NMI
    assert leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_0B11) == ExitKind.EXCEPTION
    assert (vcpu.exit.vector, vcpu.exit.error_code) == (17, 0)


def test_a_debug_exception_completes_the_debug_registers(machine, vcpu):
    host.cpu.debug[6] = 0xFFFF_0FF3
    machine.processor.vmcs.fields[fields.GUEST_DR7.encoding] = 0x2400
    reason = ExitReason.EXCEPTION_OR_NMI
    leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_0301, EXIT_QUALIFICATION=0x4004)
    assert vcpu.exit.vector == 1
    assert host.cpu.debug[6] == 0xFFFF_4FF4
    assert fields.GUEST_DR7.read() == 0x400


def test_a_single_step_in_an_interrupt_shadow_stays_pending(machine, vcpu):
    machine.processor.vmcs.fields[fields.GUEST_RFLAGS.encoding] = 0x302
    machine.processor.vmcs.fields[fields.GUEST_INTERRUPTIBILITY.encoding] = 1
    reason = ExitReason.EXCEPTION_OR_NMI
    leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_0301, EXIT_QUALIFICATION=0x4000)
    assert fields.GUEST_PENDING_DEBUG.read() == 0x4000


def test_int1_does_not_run_again(machine, vcpu):
    rip = int(fields.GUEST_RIP.read())
    reason = ExitReason.EXCEPTION_OR_NMI
    leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_0501, EXIT_QUALIFICATION=0, EXIT_INSTRUCTION_LENGTH=1)
    assert fields.GUEST_RIP.read() == rip + 1


def test_a_host_nmi_reaches_the_hosts_handler(machine, vcpu):
    reason = ExitReason.EXCEPTION_OR_NMI
    assert leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_0202) == ExitKind.HOST_NMI
    assert machine.processor.host_events == ["nmi"]


def test_a_machine_check_reaches_the_hosts_handler(machine, vcpu):
    reason = ExitReason.EXCEPTION_OR_NMI
    assert leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_0312) == ExitKind.MACHINE_CHECK
    assert machine.processor.host_events == ["machine check"]


def test_a_host_interrupt_is_served_by_its_vector(machine, vcpu):
    from hypervisor.cpu.per_cpu import CPU

    reason = ExitReason.EXTERNAL_INTERRUPT
    assert leave(machine, vcpu, reason, EXIT_INTERRUPTION=0x8000_00FF) == ExitKind.HOST_INTERRUPT
    assert vcpu.exit.vector == 0xFF
    assert CPU.here().spurious_interrupts == 1


def test_an_entry_that_the_guest_state_prevents_is_a_failed_entry(machine, vcpu):
    assert leave(machine, vcpu, 0x8000_0021, EXIT_QUALIFICATION=4) == ExitKind.ENTRY_FAILED
    assert (vcpu.exit.hardware_reason, vcpu.exit.qualification) == (0x8000_0021, 4)


def test_a_machine_check_at_entry_reaches_the_host(machine, vcpu):
    assert leave(machine, vcpu, 0x8000_0029) == ExitKind.MACHINE_CHECK
    assert machine.processor.host_events == ["machine check"]


def test_an_entry_instruction_that_fails_gives_its_error(machine, vcpu):

    machine.processor.vmcs.fields[fields.INSTRUCTION_ERROR.encoding] = 7
    bind(vmx_enter, lambda _: u32(REFUSED))
    assert vcpu_run(vcpu) == ExitKind.ENTRY_FAILED
    assert vcpu.exit.hardware_reason == 7


@pytest.mark.parametrize(
    ("vectoring", "error", "length"),
    [(0x8000_0B0D, 0x18, 0), (0x8000_0480, 0, 2), (0x8000_0202, 0, 0)],
    ids=["exception", "software interrupt", "NMI"],
)
def test_a_task_switch_puts_back_the_event_that_met_a_task_gate(machine, vcpu, vectoring, error, length):
    kind = leave(
        machine,
        vcpu,
        ExitReason.TASK_SWITCH,
        EXIT_QUALIFICATION=0xC000_0030,
        EXIT_INSTRUCTION_LENGTH=2,
        IDT_VECTORING=vectoring,
        IDT_VECTORING_ERROR_CODE=0x18,
    )
    assert kind == ExitKind.TASK_SWITCH
    assert (vcpu.exit.qualification, vcpu.exit.instruction_length) == (0xC000_0030, 2)
    assert u32(vcpu.pending) == vectoring
    assert (vcpu.pending_error, vcpu.pending_length) == (error, length)


def test_a_misconfigured_table_gives_the_address_and_keeps_the_event(machine, vcpu):
    reason = ExitReason.EPT_MISCONFIGURATION
    kind = leave(machine, vcpu, reason, GUEST_PHYSICAL_ADDRESS=0xAB_C123, IDT_VECTORING=0x8000_0030)
    assert kind == ExitKind.MISCONFIGURED
    assert vcpu.exit.gpa == Gpa(0xAB_C123)
    assert u32(vcpu.pending) == 0x8000_0030
