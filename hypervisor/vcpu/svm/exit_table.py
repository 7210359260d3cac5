"""From the exit code to its decoder: the two tables of AMD-V exits."""

from __future__ import annotations

from codegen.lang import Gpa, Local, fn, fn_table, u8, u32
from hypervisor.exits.decode.length import length_of_two_byte
from hypervisor.exits.decode.prefixes import NO_SEGMENT, address_bytes, take_prefixes
from hypervisor.exits.decode.snapshot import Snapshot, take_snapshot
from hypervisor.vcpu.event import Vector
from hypervisor.vcpu.exit import AccessCause, ExitKind, PortAccess
from hypervisor.vcpu.svm.decode_control import decode_cr4_read, decode_cr4_write, decode_cr8_read, decode_cr8_write
from hypervisor.vcpu.svm.exit_code import EXIT_CODES, NESTED_PAGE_FAULT, ExitCode
from hypervisor.vcpu.svm.instruction_length import Decoder, length_by_next_rip, one_byte, three_byte, two_byte
from hypervisor.vcpu.svm.instructions import deliver_host_machine_check
from hypervisor.vcpu.svm.interruptibility import interrupts_on, note_shadow
from hypervisor.vcpu.svm.nmi import see_iret, step_done
from hypervisor.vcpu.svm.skip import vcpu_skip_instruction
from hypervisor.vcpu.svm.state import SVM, control_of, save_of
from hypervisor.vcpu.svm.virtual_interrupt import interrupt_waits
from hypervisor.vcpu.vcpu import Vcpu

INVD_OPCODE, WBINVD_OPCODE = 0x08, 0x09
RDMSR_OPCODE, WRMSR_OPCODE = 0x32, 0x30
IN, STRING, REPEAT, SIZE = 1 << 0, 1 << 2, 1 << 3, 7 << 4  # of EXITINFO1; the size is in bytes
DS, INS_OPCODE = 3, 0x6C  # 6C to 6F: INS and OUTS
FAULT_WRITE, FAULT_RESERVED = 1 << 1, 1 << 3  # of EXITINFO1 as of AccessCause; fetch is bit 4, page walk bit 33
FETCH, PAGE_WALK = 1 << 2, 1 << 5  # of AccessCause


def event(kind: ExitKind) -> Decoder:
    """Something between two instructions, without details."""

    @fn
    def decode_event(vcpu: Vcpu) -> ExitKind:
        note_shadow(vcpu)
        return kind

    return decode_event


@fn
def decode_debug_exception(vcpu: Vcpu) -> ExitKind:
    """SVM has updated DR6 by now (APM vol. 2, 15.12.2)."""
    if step_done(vcpu):
        return ExitKind.NMI_WINDOW
    vcpu.exit.vector = u8(Vector.DB)
    vcpu.exit.error_code = 0
    return ExitKind.EXCEPTION


@fn
def decode_alignment_check(vcpu: Vcpu) -> ExitKind:
    """The error code is in EXITINFO1."""
    vcpu.exit.vector = u8(Vector.AC)
    vcpu.exit.error_code = u32.trunc(control_of(vcpu).exit_info_1)
    return ExitKind.EXCEPTION


@fn
def decode_machine_check(vcpu: Vcpu) -> ExitKind:
    """Machine checks are the host's."""
    deliver_host_machine_check()
    return ExitKind.MACHINE_CHECK


@fn
def decode_iret(vcpu: Vcpu) -> ExitKind:
    """The end of the guest's NMI handler."""
    see_iret(vcpu)
    return ExitKind.NONE


@fn
def decode_port(vcpu: Vcpu) -> ExitKind:
    """EXITINFO1 (figure 15-2); EXITINFO2 is the RIP behind the instruction on every SVM processor."""
    control = control_of(vcpu)
    information = u32.trunc(control.exit_info_1)
    vcpu.exit.port = PortAccess.of((information & SIZE) << 12 | (information & IN) << 19 | information >> 16)
    vcpu.exit.instruction_length = u32.trunc(control.exit_info_2.wrapping_sub(save_of(vcpu).rip)) & 15
    return decode_string_port(vcpu) if information & STRING != 0 else ExitKind.PORT


@fn(noinline=True)
def decode_string_port(vcpu: Vcpu) -> ExitKind:
    """INS or OUTS: segment and address size come from the prefixes, since not every processor gives them (nor QEMU)."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return ExitKind.UNKNOWN
    prefixes = take_prefixes(code)
    repeat = u32.trunc(control_of(vcpu).exit_info_1) & REPEAT != 0
    if code.next() & 0xFC != INS_OPCODE or code.overrun:
        return ExitKind.UNKNOWN
    segment = prefixes.segment if prefixes.segment != NO_SEGMENT else u8(DS)
    size = u8.trunc(address_bytes(code, prefixes))
    vcpu.exit.port = vcpu.exit.port.replace(is_string=True, is_repeat=repeat, segment=segment, address_size=size)
    return ExitKind.PORT


@fn
def decode_msr(vcpu: Vcpu) -> ExitKind:
    """EXITINFO1 tells RDMSR (0) from WRMSR (1)."""
    is_write = control_of(vcpu).exit_info_1 & 1 != 0
    opcode = u8(WRMSR_OPCODE) if is_write else u8(RDMSR_OPCODE)
    length = length_by_next_rip(vcpu) if SVM.next_rip else length_of_two_byte(vcpu, opcode)
    vcpu.exit.instruction_length = length
    if length == 0:
        return ExitKind.UNKNOWN
    return ExitKind.WRMSR if is_write else ExitKind.RDMSR


@fn
def decode_wbinvd(vcpu: Vcpu) -> ExitKind:
    """WBINVD; QEMU's TCG gives this code for INVD as well."""
    length = length_by_next_rip(vcpu) if SVM.next_rip else length_of_two_byte(vcpu, u8(WBINVD_OPCODE))
    if length == 0:
        length = length_of_two_byte(vcpu, u8(INVD_OPCODE))
    vcpu.exit.instruction_length = length
    return ExitKind.WBINVD if length != 0 else ExitKind.UNKNOWN


@fn
def decode_nested_page_fault(vcpu: Vcpu) -> ExitKind:
    """EXITINFO1 is a page-fault error code, EXITINFO2 the guest-physical address (15.25.6)."""
    control = control_of(vcpu)
    information = control.exit_info_1
    vcpu.exit.gpa = Gpa(control.exit_info_2)
    vcpu.exit.qualification = information
    same = u32.trunc(information) & (FAULT_WRITE | FAULT_RESERVED)
    moved = u32.trunc(information >> 2) & FETCH | u32.trunc(information >> 28) & PAGE_WALK
    vcpu.exit.cause = AccessCause.of(same | moved)
    return ExitKind.GUEST_MEMORY


@fn
def decode_unknown(vcpu: Vcpu) -> ExitKind:
    """A code that our intercepts do not cause."""
    vcpu.exit.qualification = control_of(vcpu).exit_info_1
    return ExitKind.UNKNOWN


decode_halt_length = one_byte(ExitKind.HLT, 0xF4)


@fn
def decode_halt(vcpu: Vcpu) -> ExitKind:
    """HLT. In the shadow of STI an interrupt may be on its way to the guest already: then HLT ends at once."""
    kind = decode_halt_length(vcpu)
    if kind == ExitKind.HLT and interrupt_waits(vcpu) and interrupts_on(vcpu):
        vcpu_skip_instruction(vcpu)
        return ExitKind.NONE
    return kind


REFUSED = event(ExitKind.VIRTUALIZATION_INSTRUCTION)

# What guests do most.
HOT_DECODERS = (
    (int(u32(ExitCode.CPUID)), two_byte(ExitKind.CPUID, 0xA2)),
    (int(u32(ExitCode.PORT)), decode_port),
    (int(u32(ExitCode.MSR)), decode_msr),
    (int(u32(ExitCode.VMMCALL)), three_byte(ExitKind.HYPERCALL, 0x01, 0xD9)),
    (NESTED_PAGE_FAULT, decode_nested_page_fault),
)

DECODERS = fn_table(
    {
        ExitCode.CR8_READ: decode_cr8_read,
        ExitCode.CR4_READ: decode_cr4_read,
        ExitCode.CR4_WRITE: decode_cr4_write,
        ExitCode.CR8_WRITE: decode_cr8_write,
        ExitCode.DEBUG_EXCEPTION: decode_debug_exception,
        ExitCode.ALIGNMENT_CHECK: decode_alignment_check,
        ExitCode.MACHINE_CHECK: decode_machine_check,
        ExitCode.INTERRUPT: event(ExitKind.HOST_INTERRUPT),
        ExitCode.NMI: event(ExitKind.HOST_NMI),
        ExitCode.SMI: event(ExitKind.NONE),
        ExitCode.INIT: event(ExitKind.INIT),
        ExitCode.VIRTUAL_INTERRUPT: event(ExitKind.INTERRUPT_WINDOW),
        ExitCode.RDPMC: event(ExitKind.RDPMC),
        ExitCode.IRET: decode_iret,
        ExitCode.INVD: two_byte(ExitKind.WBINVD, 0x08),
        ExitCode.HLT: decode_halt,
        ExitCode.INVLPGA: REFUSED,
        ExitCode.SHUTDOWN: event(ExitKind.TRIPLE_FAULT),
        ExitCode.VMRUN: REFUSED,
        ExitCode.VMLOAD: REFUSED,
        ExitCode.VMSAVE: REFUSED,
        ExitCode.STGI: REFUSED,
        ExitCode.CLGI: REFUSED,
        ExitCode.SKINIT: REFUSED,
        ExitCode.WBINVD: decode_wbinvd,
        ExitCode.MONITOR: event(ExitKind.MONITOR),
        ExitCode.MWAIT: event(ExitKind.MONITOR),
        ExitCode.MWAIT_ARMED: event(ExitKind.MONITOR),
        ExitCode.XSETBV: three_byte(ExitKind.XSETBV, 0x01, 0xD1),
        ExitCode.RDPRU: REFUSED,
    },
    default=decode_unknown,
    size=EXIT_CODES,
)
