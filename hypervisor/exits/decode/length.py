"""Length of an instruction that left the guest, where the processor does not tell: prefixes, then exactly the expected
opcode."""

from __future__ import annotations

from codegen.lang import Local, fn, u8, u32
from hypervisor.exits.decode.modrm import take_modrm
from hypervisor.exits.decode.prefixes import take_prefixes
from hypervisor.exits.decode.snapshot import Snapshot, take_snapshot
from hypervisor.vcpu.vcpu import Vcpu


@fn
def length_of_two_byte(vcpu: Vcpu, opcode: u8) -> u32:
    """Length of `0F opcode` with any prefixes (`66 0F A2` is a CPUID); 0 when the bytes at RIP are something else."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return u32(0)
    if code.bytes[0] == 0x0F and code.bytes[1] == opcode and code.count > 1:
        return u32(2)
    take_prefixes(code)
    if code.next() != 0x0F or code.next() != opcode or code.overrun:
        return u32(0)
    return code.position


@fn
def length_of_three_byte(vcpu: Vcpu, opcode: u8, third: u8) -> u32:
    """Length of `0F opcode third` (VMMCALL is 0F 01 D9); 0 when the bytes at RIP are something else."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return u32(0)
    take_prefixes(code)
    if code.next() != 0x0F or code.next() != opcode or code.next() != third or code.overrun:
        return u32(0)
    return code.position


@fn
def length_of_one_byte(vcpu: Vcpu, opcode: u8) -> u32:
    """Length of a one-byte opcode without operands (HLT is F4, PAUSE is F3 90); 0 when the bytes are something else."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return u32(0)
    take_prefixes(code)
    if code.next() != opcode or code.overrun:
        return u32(0)
    return code.position


@fn
def length_with_modrm(vcpu: Vcpu, opcode: u8) -> u32:
    """Length of `0F opcode /r` (MOV CR, INVLPG, LGDT …); 0 when the bytes at RIP are something else."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return u32(0)
    prefixes = take_prefixes(code)
    if code.next() != 0x0F or code.next() != opcode:
        return u32(0)
    take_modrm(code, prefixes)
    return u32(0) if code.overrun else code.position
