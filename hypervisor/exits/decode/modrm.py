"""ModRM, SIB and displacement: only their extent and the register numbers, since the exit already gave the address."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, bits, fn, u8, u32
from hypervisor.exits.decode.prefixes import Prefixes, address_bytes
from hypervisor.exits.decode.snapshot import Snapshot


class ModRm(BitStruct, repr=u32):
    """A decoded ModRM byte; `register` and `rm` include REX."""

    register: u8 = bits(0, 3)
    rm: u8 = bits(4, 7)
    is_memory: bool = bit(8)
    digit: u8 = bits(9, 11)  # the reg field as an opcode extension


@fn
def take_modrm(code: Snapshot, p: Prefixes) -> ModRm:
    """Consume ModRM with its SIB and displacement (SDM vol. 2A, tables 2-1 to 2-3)."""
    byte = code.next()
    mode = byte >> 6
    digit = (byte >> 3) & 7
    rm = byte & 7
    if mode != 3:
        if address_bytes(code, p) == 2:
            take_displacement_16(code, mode, rm)
        else:
            take_displacement(code, mode, rm)
    register = digit | (u8(8) if p.rex_r else u8(0))
    number = rm | (u8(8) if p.rex_b else u8(0))
    return ModRm(register=register, rm=number, is_memory=mode != 3, digit=digit)


@fn
def take_displacement_16(code: Snapshot, mode: u8, rm: u8) -> None:
    """16-bit addressing: no SIB."""
    if mode == 1:
        code.skip(u32(1))
    elif mode == 2 or rm == 6:
        code.skip(u32(2))


@fn
def take_displacement(code: Snapshot, mode: u8, rm: u8) -> None:
    """32- and 64-bit addressing."""
    base = rm
    if rm == 4:
        base = code.next() & 7
    if mode == 1:
        code.skip(u32(1))
    elif mode == 2 or base == 5:
        code.skip(u32(4))
