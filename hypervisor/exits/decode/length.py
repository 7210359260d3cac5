"""Length of an instruction that left the guest, where the processor does not tell: prefixes, then exactly the expected
opcode."""

from __future__ import annotations

from codegen.lang import Local, fn, range, u8, u32, u64
from hypervisor.exits.decode.prefixes import take_prefixes
from hypervisor.exits.decode.snapshot import Snapshot, first_bytes, is_long_mode, take_snapshot
from hypervisor.vcpu.contract import vcpu_read_segment
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu


@fn
def length_of_two_byte(vcpu: Vcpu, opcode: u8) -> u32:
    """Length of `0F opcode` with any prefixes (`66 0F A2` is a CPUID); 0 when the bytes at RIP are something else."""
    word = opcode_bytes(vcpu)
    if word is not None and word & 0xFFFF == u64(opcode) << 8 | 0x0F:
        return u32(2)
    return length_with_prefixes(vcpu, u64(opcode) << 8 | 0x0F, u32(2))


@fn
def length_of_three_byte(vcpu: Vcpu, opcode: u8, third: u8) -> u32:
    """Length of `0F opcode third` (VMMCALL is 0F 01 D9); 0 when the bytes at RIP are something else."""
    expected = u64(third) << 16 | u64(opcode) << 8 | 0x0F
    word = opcode_bytes(vcpu)
    if word is not None and word & 0xFF_FFFF == expected:
        return u32(3)
    return length_with_prefixes(vcpu, expected, u32(3))


@fn
def length_of_one_byte(vcpu: Vcpu, opcode: u8) -> u32:
    """Length of a one-byte opcode without operands (HLT is F4, PAUSE is F3 90); 0 when the bytes are something else."""
    word = opcode_bytes(vcpu)
    if word is not None and word & 0xFF == u64(opcode):
        return u32(1)
    return length_with_prefixes(vcpu, u64(opcode), u32(1))


@fn(hot=True, noinline=True)
def opcode_bytes(vcpu: Vcpu) -> u64 | None:
    """The first eight bytes, where they can be had at once."""
    code = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, code)
    return first_bytes(vcpu, code, is_long_mode(vcpu, code))


@fn(noinline=True)
def length_with_prefixes(vcpu: Vcpu, expected: u64, count: u32) -> u32:
    """Length of the instruction whose opcode is the `count` low bytes of `expected`; 0 when it is something else."""
    code = Local(Snapshot)
    if take_snapshot(vcpu, code) is not None:
        return u32(0)
    take_prefixes(code)
    for i in range(count):
        if code.next() != u8.trunc(expected >> (i * 8)):
            return u32(0)
    return u32(0) if code.overrun else code.position
