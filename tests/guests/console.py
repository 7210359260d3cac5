"""What the guest says, on COM1, by polling."""

from __future__ import annotations

from codegen.lang import PortBlock, Reg, Span, TextSink, at, fn, i64, len, ports, range, span, u8, u16, u32, u64, usize

COM1 = 0x3F8
EMPTY = 0x20
DIGITS = span(b"0123456789abcdef")


class Uart(PortBlock, size=8):
    """A 16550 as far as polling goes."""

    data: Reg[u8] = at(0)
    line_status: Reg[u8] = at(5)


@fn
def put(byte: u8) -> None:
    uart = ports(Uart, u16(COM1))
    while uart.line_status.read() & EMPTY == 0:
        pass
    uart.data.write(byte)


@fn
def begin() -> None:
    text(span(b"guest: "))


@fn
def text(piece: Span) -> None:
    for i in range(len(piece)):
        put(piece[i])


@fn
def unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    """Hexadecimal always."""
    digits = u32(16)
    while digits > 1 and value >> ((digits - 1) * 4) == 0:
        digits -= 1
    while digits != 0:
        digits -= 1
        put(DIGITS[usize(value >> (digits * 4) & 15)])


@fn
def signed(value: i64, width: u32) -> None:
    unsigned(u64.trunc(value), u32(16), width, u32(0))


@fn
def end() -> None:
    put(u8(13))
    put(u8(10))


say = TextSink(begin=begin, text=text, unsigned=unsigned, signed=signed, end=end)
