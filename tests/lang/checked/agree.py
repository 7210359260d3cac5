"""Functions whose three executions are compared: every operator of every integer type, and a few of each other kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from codegen.lang import (
    Array,
    BitStruct,
    Field,
    Gpa,
    HwEnum,
    Struct,
    bit,
    bits,
    count,
    fn,
    i8,
    i16,
    i32,
    i64,
    range,
    span,
    storage,
    u8,
    u16,
    u32,
    u64,
    usize,
)

I = TypeVar("I", u8, u16, u32, u64, usize, i8, i16, i32, i64)  # noqa: E741
U = TypeVar("U", u8, u16, u32, u64, usize)
S = TypeVar("S", i8, i16, i32, i64)


def common_operations(kind: type[I]) -> list[Callable[[I, I], Any]]:
    """What every integer type has."""

    @fn(where={"I": kind})
    def add(a: I, b: I) -> I:
        return a + b

    @fn(where={"I": kind})
    def sub(a: I, b: I) -> I:
        return a - b

    @fn(where={"I": kind})
    def mul(a: I, b: I) -> I:
        return a * b

    @fn(where={"I": kind})
    def bitwise(a: I, b: I) -> I:
        return (a & b) ^ ~a | b & 0x70

    @fn(where={"I": kind}, unchecked=True)
    def unchecked(a: I, b: I) -> I:
        return (a + b) * (a - b)

    @fn(where={"I": kind})
    def wrapping(a: I, b: I) -> I:
        return a.wrapping_add(b).wrapping_mul(a.wrapping_sub(b))

    @fn(where={"I": kind})
    def checked(a: I, b: I) -> I | None:
        product = a.checked_mul(b)
        if product is None:
            return a.checked_sub(b)
        return product.checked_add(b)

    @fn(where={"I": kind})
    def saturating(a: I, b: I) -> I:
        return a.saturating_sub(b)

    @fn(where={"I": kind})
    def counting(a: I, b: I) -> I:
        return a.leading_zeros() + b.trailing_zeros() + a.count_ones()

    @fn(where={"I": kind})
    def shifting(a: I, b: I) -> I:
        return a << u8.trunc(b) % 12 ^ b >> u16.trunc(a) % 70

    @fn(where={"I": kind})
    def rotating(a: I, b: I) -> I:
        return a.rotate_left(u32.trunc(b))

    @fn(where={"I": kind})
    def comparing(a: I, b: I) -> bool:
        return a < b or a == 5 or (b >= 3 and not a != b) or 1 < a <= b

    @fn(where={"I": kind})
    def converting(a: I, b: I) -> u16:
        return u16(a) ^ u16(u8.trunc(b)) ^ u16(i32.trunc(b) & 0xFF)

    @fn(where={"I": kind})
    def to_signed(a: I, b: I) -> i16:
        return i16(a) if a > b else i16(i8(b))

    return [
        add,
        sub,
        mul,
        bitwise,
        unchecked,
        wrapping,
        checked,
        saturating,
        counting,
        shifting,
        rotating,
        comparing,
        converting,
        to_signed,
    ]


def unsigned_operations(kind: type[U]) -> list[Callable[[U, U], Any]]:
    """Division, and ranges that stop at the edge of the type."""
    first, last = kind.high - 12, kind.high

    @fn(where={"U": kind})
    def divide(a: U, b: U) -> U:
        return a // b + a % b

    @fn(where={"U": kind})
    def edge(a: U, b: U) -> u64:
        total = u64(0)
        for number in range((a & 7) + first, last, 4):
            total = total.wrapping_mul(3).wrapping_add(u64(number))
        return total + u64(b)

    return [divide, edge]


def signed_operations(kind: type[S]) -> list[Callable[[S, S], Any]]:
    """Negation."""

    @fn(where={"S": kind})
    def negate(a: S, b: S) -> S:
        return -a if b < 0 else a

    return [negate]


class Mode(HwEnum, repr=u8):
    OFF = 0
    ON = 1
    AUTO = 6


class Word(BitStruct, repr=u32):
    mode: Mode = bits(0, 2)
    bias: i8 = bits(3, 7)
    ready: bool = bit(8)
    frame: u32 = bits(12, 31)


class Cells(Struct):
    words: Array[Word] = count(4)
    base: Field[Gpa]
    delta: Field[i16]
    next: Field[Cells | None]


CELLS = storage(Cells)
TEXT = span(b"0123456789")


@fn
def fields(a: u32, b: u32) -> i8:
    word = Word.of(a)
    if word.ready:
        return word.bias
    return word.replace(bias=i8.trunc(b), ready=word.mode == Mode.AUTO).bias


@fn
def memory(a: u32, b: u32) -> u64:
    CELLS.words[a % 5] = Word(frame=b >> 8, bias=i8(-3))
    CELLS.base = Gpa(u64(a)) + u64(b)
    CELLS.delta = i16.trunc(a)
    CELLS.next = CELLS
    again = CELLS.next
    if again is None:
        return u64(0)
    return u64(again.base) + u64(u32(again.words[b % 4])) + u64(u16.trunc(again.delta))


@fn
def named(a: u32, b: u32) -> u8:
    found = Mode.find(u8.trunc(a) & 7)
    if found is None:
        return u8(Mode.checked(u8.trunc(b) & 7))
    return u8(found)


@fn
def texts(a: u32, b: u32) -> u8:
    part = TEXT.slice(a % 12, b % 4)
    return part[a % 4]


UNSIGNED: tuple[Any, ...] = (u8, u16, u32, u64, usize)
SIGNED: tuple[Any, ...] = (i8, i16, i32, i64)
FUNCTIONS: list[tuple[Any, Any]] = [(u32, f) for f in (fields, memory, named, texts)]
for unsigned in UNSIGNED:
    FUNCTIONS += [(unsigned, f) for f in common_operations(unsigned) + unsigned_operations(unsigned)]
for signed in SIGNED:
    FUNCTIONS += [(signed, f) for f in common_operations(signed) + signed_operations(signed)]
