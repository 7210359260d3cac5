"""Arithmetic of read-modify-write instructions on device registers, with the flags that it leaves (SDM vol. 1,
3.4.3.1)."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u32, u64
from hypervisor.exits.decode.mmio import Combine

CF, PF, AF, ZF, SF, OF = 1 << 0, 1 << 2, 1 << 4, 1 << 6, 1 << 7, 1 << 11
STATUS = CF | PF | AF | ZF | SF | OF


class Combined(Struct):
    """A result, and RFLAGS after it."""

    value: Field[u64]
    flags: Field[u64]


@fn
def width_bits(width: u32) -> u64:
    """A mask of `width` bytes (1, 2, 4 or 8)."""
    return u64(0xFFFF_FFFF_FFFF_FFFF) >> (u32(64) - width * 8)


@fn
def combine(operation: Combine, left: u64, right: u64, width: u32, flags: u64, into: Combined) -> None:
    """`left op right` in `width` bytes; operands are masked here. BIT_TEST changes CF only."""
    mask = width_bits(width)
    a = left & mask
    b = right & mask
    carry_in = flags & CF
    if operation == Combine.BIT_TEST:
        into.value = a
        into.flags = flags & ~CF | a >> (b & (u64(width) * 8 - 1) & 63) & 1
        return
    sign = u64(1) << (width * 8 - 1)
    result = u64(0)
    carry = u64(0)
    overflow = u64(0)
    adjust = u64(0)
    match operation:
        case Combine.ADD | Combine.ADC:
            extra = carry_in if operation == Combine.ADC else u64(0)
            result = a.wrapping_add(b).wrapping_add(extra) & mask
            carry = u64(result < a or (extra != 0 and result == a))
            overflow = (a ^ result) & (b ^ result) & sign
            adjust = (a ^ b ^ result) & AF
        case Combine.SUB | Combine.SBB | Combine.CMP:
            extra = carry_in if operation == Combine.SBB else u64(0)
            result = a.wrapping_sub(b).wrapping_sub(extra) & mask
            carry = u64(a < b or (extra != 0 and a == b))
            overflow = (a ^ b) & (a ^ result) & sign
            adjust = (a ^ b ^ result) & AF
        case Combine.OR:
            result = a | b
        case Combine.XOR:
            result = a ^ b
        case _:
            result = a & b
    new = carry | adjust
    if overflow != 0:
        new = new | OF
    if result == 0:
        new = new | ZF
    if result & sign != 0:
        new = new | SF
    if (result & 0xFF).count_ones() & 1 == 0:
        new = new | PF
    into.value = result
    into.flags = flags & ~STATUS | new
