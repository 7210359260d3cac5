"""Binary data inside an answer: numbers as LEB128, their bytes as base64 (RFC 4648) without padding. A serial line is
slow, and in an emulator each byte of it is an exit: bytes are what an answer costs."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, storage, table, u8, u32, u64
from hypervisor.ctl.answer import put_byte

DIGITS = table(u8, list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


class Pending(Struct):
    """Bits that do not make a digit yet."""

    bits: Field[u32]
    count: Field[u32]


PENDING = storage(Pending)


@fn(cold=True)
def binary_begin() -> None:
    """At a string's first quote."""
    PENDING.zero()


@fn(cold=True)
def binary_number(value: u64) -> None:
    """Seven bits a byte, lowest first; bit 7 says that more follow."""
    rest = value
    while rest >= 0x80:
        binary_byte(u8.trunc(rest) | 0x80)
        rest = rest >> 7
    binary_byte(u8(rest))


@fn(cold=True)
def binary_byte(byte: u8) -> None:
    """One byte."""
    PENDING.bits = PENDING.bits << 8 | u32(byte)
    PENDING.count += 8
    while PENDING.count >= 6:
        PENDING.count -= 6
        put_byte(DIGITS[PENDING.bits >> PENDING.count & 63])


@fn(cold=True)
def binary_end() -> None:
    """Before the last quote."""
    if PENDING.count != 0:
        put_byte(DIGITS[PENDING.bits << (6 - PENDING.count) & 63])
