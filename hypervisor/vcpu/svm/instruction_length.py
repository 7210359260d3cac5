"""How long the instruction is that left: from NRIP where the CPU saves it, else decoded. An opcode that does not match
is refused."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import fn, u8, u32
from hypervisor.exits.decode.length import length_of_one_byte, length_of_three_byte, length_of_two_byte
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.svm.state import SVM, svm_of
from hypervisor.vcpu.vcpu import Vcpu

Decoder = Callable[[Vcpu], ExitKind]


@fn
def length_by_next_rip(vcpu: Vcpu) -> u32:
    """From the RIP behind the instruction, which the CPU saved."""
    vmcb = svm_of(vcpu).vmcb
    return u32.trunc(vmcb.control.next_rip.wrapping_sub(vmcb.save.rip)) & 15


def one_byte(kind: ExitKind, opcode: int) -> Decoder:
    """An exit of a one-byte instruction."""

    @fn
    def decode_one_byte_exit(vcpu: Vcpu) -> ExitKind:
        length = length_by_next_rip(vcpu) if SVM.next_rip else length_of_one_byte(vcpu, u8(opcode))
        vcpu.exit.instruction_length = length
        return kind if length != 0 else ExitKind.UNKNOWN

    return decode_one_byte_exit


def two_byte(kind: ExitKind, opcode: int) -> Decoder:
    """An exit of `0F opcode`."""

    @fn
    def decode_two_byte_exit(vcpu: Vcpu) -> ExitKind:
        length = length_by_next_rip(vcpu) if SVM.next_rip else length_of_two_byte(vcpu, u8(opcode))
        vcpu.exit.instruction_length = length
        return kind if length != 0 else ExitKind.UNKNOWN

    return decode_two_byte_exit


def three_byte(kind: ExitKind, opcode: int, third: int) -> Decoder:
    """An exit of `0F opcode third`."""

    @fn
    def decode_three_byte_exit(vcpu: Vcpu) -> ExitKind:
        length = length_by_next_rip(vcpu) if SVM.next_rip else length_of_three_byte(vcpu, u8(opcode), u8(third))
        vcpu.exit.instruction_length = length
        return kind if length != 0 else ExitKind.UNKNOWN

    return decode_three_byte_exit
