"""Legacy and REX prefixes, and what they make of the operand and address size (SDM vol. 2A, 2.1 and 2.2)."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, bits, fn, u8, u32
from hypervisor.exits.decode.snapshot import Snapshot

NO_SEGMENT = 7


class Prefixes(BitStruct, repr=u32):
    """The prefixes of one instruction."""

    operand_size: bool = bit(0)  # 66
    address_size: bool = bit(1)  # 67
    repeat: bool = bit(2)  # F3
    repeat_not: bool = bit(3)  # F2
    lock: bool = bit(4)  # F0
    rex: bool = bit(5)
    rex_w: bool = bit(6)
    rex_r: bool = bit(7)
    rex_x: bool = bit(8)
    rex_b: bool = bit(9)
    segment: u8 = bits(10, 12)  # override: ES CS SS DS FS GS = 0..5, or NO_SEGMENT


@fn
def take_prefixes(code: Snapshot) -> Prefixes:
    """Consume the prefixes. A REX counts only directly before the opcode; one that is followed by another prefix is
    dropped."""
    p = Prefixes(segment=u8(NO_SEGMENT))
    while True:
        byte = code.peek()
        if code.long and byte & 0xF0 == 0x40:
            code.skip(u32(1))
            following = code.peek()
            if not is_prefix(following) and following & 0xF0 != 0x40:
                return p.replace(
                    rex=True, rex_w=byte & 8 != 0, rex_r=byte & 4 != 0, rex_x=byte & 2 != 0, rex_b=byte & 1 != 0
                )
        elif is_prefix(byte):
            code.skip(u32(1))
            p = add_prefix(p, byte)
        else:
            return p


@fn
def is_prefix(byte: u8) -> bool:
    """Whether `byte` is a legacy prefix."""
    match byte:
        case 0x26 | 0x2E | 0x36 | 0x3E | 0x64 | 0x65 | 0x66 | 0x67 | 0xF0 | 0xF2 | 0xF3:
            return True
        case _:
            return False


@fn
def add_prefix(p: Prefixes, byte: u8) -> Prefixes:
    """`p` with one more legacy prefix."""
    match byte:
        case 0x26:
            return p.replace(segment=u8(0))
        case 0x2E:
            return p.replace(segment=u8(1))
        case 0x36:
            return p.replace(segment=u8(2))
        case 0x3E:
            return p.replace(segment=u8(3))
        case 0x64:
            return p.replace(segment=u8(4))
        case 0x65:
            return p.replace(segment=u8(5))
        case 0x66:
            return p.replace(operand_size=True)
        case 0x67:
            return p.replace(address_size=True)
        case 0xF0:
            return p.replace(lock=True)
        case 0xF2:
            return p.replace(repeat_not=True)
        case _:
            return p.replace(repeat=True)


@fn
def operand_bytes(code: Snapshot, p: Prefixes) -> u32:
    """Size of a non-byte operand: 2, 4 or 8."""
    if p.rex_w:
        return u32(8)
    if code.long or code.default_32:
        return u32(2) if p.operand_size else u32(4)
    return u32(4) if p.operand_size else u32(2)


@fn
def address_bytes(code: Snapshot, p: Prefixes) -> u32:
    """Size of an address: 2, 4 or 8."""
    if code.long:
        return u32(4) if p.address_size else u32(8)
    if code.default_32:
        return u32(2) if p.address_size else u32(4)
    return u32(4) if p.address_size else u32(2)
