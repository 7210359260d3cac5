"""MOV to and from CR4, and to and from CR8: the register and the length come from the instruction's bytes."""

from __future__ import annotations

from codegen.lang import Local, fn, u8
from hypervisor.exits.decode.prefixes import take_prefixes
from hypervisor.exits.decode.snapshot import Snapshot, take_snapshot
from hypervisor.vcpu.exit import CrAccess, ExitKind
from hypervisor.vcpu.vcpu import Vcpu

MOV_FROM_CR, MOV_TO_CR = 0x20, 0x22


@fn
def decode_cr4_read(vcpu: Vcpu) -> ExitKind:
    """MOV r64, CR4."""
    return decode_move(vcpu, u8(4), False)


@fn
def decode_cr4_write(vcpu: Vcpu) -> ExitKind:
    """MOV CR4, r64."""
    return decode_move(vcpu, u8(4), True)


@fn
def decode_cr8_read(vcpu: Vcpu) -> ExitKind:
    """MOV r64, CR8; also LOCK MOV r32, CR0, its form outside 64-bit mode."""
    return decode_move(vcpu, u8(8), False)


@fn
def decode_cr8_write(vcpu: Vcpu) -> ExitKind:
    """MOV CR8, r64."""
    return decode_move(vcpu, u8(8), True)


@fn
def decode_move(vcpu: Vcpu, register: u8, is_write: bool) -> ExitKind:
    """0F 20 /r or 0F 22 /r. The mode bits of ModRM are ignored: the operand is always a register (APM vol. 3, MOV
    CRn)."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return ExitKind.UNKNOWN
    prefixes = take_prefixes(code)
    expected = u8(MOV_TO_CR) if is_write else u8(MOV_FROM_CR)
    if code.next() != 0x0F or code.next() != expected:
        return ExitKind.UNKNOWN
    operand = code.next()
    if code.overrun:
        return ExitKind.UNKNOWN
    gpr = operand & 7 | (u8(8) if prefixes.rex_b else u8(0))
    vcpu.exit.control_register = CrAccess(register=register, is_write=is_write, gpr=gpr)
    vcpu.exit.instruction_length = code.position
    return ExitKind.CR_ACCESS
