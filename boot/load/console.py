"""What the loaders say, wherever their firmware shows it. `stop` says it and halts."""

from __future__ import annotations

import builtins
from typing import Never

from boot.load.firmware import halt, show_byte
from codegen.lang import Span, TextSink, fn, i64, len, range, span, table, u8, u32, u64, usize

DIGITS = span(b"0123456789abcdef")
POWERS_OF_TEN = table(u64, [10**n for n in reversed(builtins.range(20))])
ZERO_PADDED = 1
PREFIXED = 2
PREFIX = span(b"0x")


@fn
def put_text(piece: Span) -> None:
    for i in range(len(piece)):
        show_byte(piece[i])


@fn
def put_hexadecimal(value: u64) -> None:
    digits = (u64(67) - value.leading_zeros()) >> 2
    digits = digits if digits > 0 else u64(1)
    while digits > 0:
        digits -= 1
        show_byte(DIGITS[usize((value >> (digits * 4)) & 15)])


@fn
def put_decimal(value: u64) -> None:
    """By subtraction: 64-bit division has no instruction in 32-bit code."""
    rest = value
    started = False
    for i in range(len(POWERS_OF_TEN)):
        power = POWERS_OF_TEN[i]
        digit = u8(0)
        while rest >= power:
            rest -= power
            digit += 1
        started = started or digit != 0 or i + 1 == len(POWERS_OF_TEN)
        if started:
            show_byte(digit + 48)


@fn
def begin_message() -> None:
    pass


@fn
def put_unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    if flags & PREFIXED != 0:
        put_text(PREFIX)
    if base == 16:
        put_hexadecimal(value)
    else:
        put_decimal(value)


@fn
def put_signed(value: i64, width: u32) -> None:
    if value < 0:
        show_byte(u8(45))
        put_decimal(u64(0).wrapping_sub(u64.trunc(value)))
    else:
        put_decimal(u64(value))


@fn
def end_message() -> None:
    show_byte(u8(10))


@fn
def end_for_good() -> Never:
    show_byte(u8(10))
    halt()


say = TextSink(begin=begin_message, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_message)
stop = TextSink(
    begin=begin_message, text=put_text, unsigned=put_unsigned, signed=put_signed, end=end_for_good, noreturn=True
)
