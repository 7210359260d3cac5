from __future__ import annotations

import builtins

import pytest

from codegen.lang import (
    Array,
    BitStruct,
    Field,
    Gpa,
    HwEnum,
    Span,
    Struct,
    TextSink,
    bit,
    count,
    fn,
    i32,
    i64,
    len,
    range,
    span,
    storage,
    u8,
    u32,
    u64,
)  # fmt: skip
from tests.front.modes import natives


class Color(HwEnum, repr=u8):
    RED = 1
    GREEN = 2


class Flags(BitStruct, repr=u32):
    on: bool = bit(3)


class Buffer(Struct):
    used: Field[u32]
    bytes: Array[u8] = count(400)


OUT, DIGITS = storage(Buffer), storage(Buffer)


@fn
def put(byte: u8) -> None:
    OUT.bytes[OUT.used] = byte
    OUT.used += 1


@fn
def begin() -> None:
    put(u8(0x3C))


@fn
def end() -> None:
    put(u8(0x3E))


@fn
def text(piece: Span) -> None:
    for i in range(len(piece)):
        put(piece[i])


@fn
def unsigned(value: u64, base: u32, width: u32, flags: u32) -> None:
    left = value
    n = u32(0)
    while left > 0 or n == 0:
        digit = u8(left % u64(base))
        DIGITS.bytes[n] = digit + 48 if digit < 10 else digit + 87
        left //= u64(base)
        n += 1
    wide = n + 2 if flags & 2 != 0 else n
    if flags & 1 == 0:
        for _i in range(wide, width):
            put(u8(32))
    if flags & 2 != 0:
        put(u8(48))
        put(u8(120))
    if flags & 1 != 0:
        for _i in range(wide, width):
            put(u8(48))
    while n > 0:
        n -= 1
        put(DIGITS.bytes[n])


@fn
def signed(value: i64, width: u32) -> None:
    if value < 0:
        put(u8(45))
        unsigned(u64(-value), u32(10), u32(0), u32(0))
    else:
        unsigned(u64(value), u32(10), width, u32(0))


log = TextSink(begin=begin, text=text, unsigned=unsigned, signed=signed, end=end)
WHERE = "table"


@fn
def everything(n: u64, color: Color, yes: bool, i: i32, name: Span) -> None:
    log("plain")
    log(f"{n} {n:#x} {n:016x} {n:#018x} {n:24} {n:x} {WHERE}")
    log(f"{color} {Color.RED} {yes} {not yes} {i} {name} {span(b'raw')}{Flags(on=yes)}")
    log(f"{Gpa(n):#x} {7} {{}}")


@pytest.mark.parametrize("n", [0, 10, 0xFFFF_FFFF_FFFF_FFFF])
@pytest.mark.parametrize("i", [-5, 0, 2_000_000])
def test_text_is_the_same_as_pythons(n: int, i: int) -> None:
    def written() -> bytes:
        data = bytes(int(OUT.bytes[k]) for k in builtins.range(int(OUT.used)))
        OUT.zero()
        return data

    OUT.zero()
    arguments = u64(n), Color.GREEN, True, i32(i), span(b"name")
    everything(*arguments)
    expected = written()
    assert expected.startswith(b"<plain><")
    for native in natives(__name__):
        native.call(everything, *arguments)
        assert written() == expected
