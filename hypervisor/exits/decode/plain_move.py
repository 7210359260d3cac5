"""The moves with which drivers reach device registers: 32 bits between a general register and memory, unprefixed.

They fit in the instruction's first eight bytes, so nothing is copied; everything else is decode/mmio.py's.
"""

from __future__ import annotations

from codegen.lang import BitStruct, Local, bit, bits, fn, table, u8, u32, u64
from hypervisor.exits.decode.snapshot import first_bytes, is_long_mode
from hypervisor.vcpu.contract import vcpu_read_segment
from hypervisor.vcpu.segment import Segment, SegmentName
from hypervisor.vcpu.vcpu import Vcpu

MOV, MOV_ACCUMULATOR = 0x89, 0xA1  # bit 1 is the direction, in the second one the other way round
DIRECTION = 1 << 1
REX, REX_W, REX_R = 0x40, 1 << 3, 1 << 2


class PlainMove(BitStruct, repr=u32):
    """A decoded move; all zero for any other instruction."""

    length: u8 = bits(0, 3)  # bytes
    register: u8 = bits(4, 7)
    is_store: bool = bit(8)


def modrm_length(modrm: int) -> int:
    """Bytes of opcode, ModRM, SIB and displacement with 32- or 64-bit addresses (SDM vol. 2A, tables 2-2 and 2-3);
    0 for a register operand, and where the SIB's base decides on a displacement."""
    mode, rm = modrm >> 6, modrm & 7
    if mode == 3 or (mode == 0 and rm == 4):
        return 0
    displacement = {0: 4 if rm == 5 else 0, 1: 1, 2: 4}[mode]
    return 2 + (rm == 4) + displacement


LENGTHS = table(u8, [modrm_length(modrm) for modrm in range(256)])


@fn(inline=True)
def plain_move_of(vcpu: Vcpu) -> PlainMove:
    """The move at the guest's RIP."""
    code = Local(Segment)
    vcpu_read_segment(vcpu, SegmentName.CS, code)
    long = is_long_mode(vcpu, code)
    if not long and not code.rights.default_32:
        return PlainMove()
    word = first_bytes(vcpu, code, long)
    if word is None:
        return PlainMove()
    return decode_plain_move(word, long)


@fn(inline=True)
def decode_plain_move(word: u64, long: bool) -> PlainMove:
    """The move that the bytes of `word` are, the lowest one first; default operand size 32 bits."""
    rex = u32(0)
    if long and word & 0xF0 == REX:
        if word & REX_W != 0:
            return PlainMove()
        rex = u32.trunc(word & REX_R) | 1
        word = word >> 8
    opcode = u32.trunc(word & 0xFF)
    if opcode & ~DIRECTION == MOV:
        modrm = u8.trunc(word >> 8)
        length = LENGTHS[modrm]
        if length == 0:
            return PlainMove()
        return PlainMove(
            length=length + u8.trunc(rex & 1),
            register=modrm >> 3 & 7 | u8.trunc(rex << 1 & 8),
            is_store=opcode & DIRECTION == 0,
        )
    if opcode & ~DIRECTION == MOV_ACCUMULATOR and not long:
        return PlainMove(length=u8(5), is_store=opcode & DIRECTION != 0)
    return PlainMove()
