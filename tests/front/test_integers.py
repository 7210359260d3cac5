from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Gpa, fn, i8, i16, i32, i64, max, min, u8, u16, u32, u64, usize  # fmt: skip
from tests.front.modes import agree, trapped

KINDS = (u8, u16, u32, u64, usize, i8, i16, i32, i64)


def operations(kind):  # type: ignore[no-untyped-def]
    """All operators and methods of one integer type."""

    @fn
    def add(a: kind, b: kind) -> kind:
        return a + b

    @fn
    def sub(a: kind, b: kind) -> kind:
        return a - b

    @fn
    def mul(a: kind, b: kind) -> kind:
        return a * b

    @fn
    def mixed(a: kind, b: kind) -> kind:
        return (a & b) ^ ((a | 5) & ~b)

    @fn
    def left(a: kind, n: u64) -> kind:
        return a << n

    @fn
    def right(a: kind, n: u8) -> kind:
        return a >> n

    @fn
    def order(a: kind, b: kind) -> u8:
        if a < b:
            return u8(1)
        if a <= b or a == 3:
            return u8(2)
        return u8(3) if a != 7 else u8(4)

    @fn
    def between(a: kind, b: kind) -> bool:
        return 3 < a <= b < 100

    @fn
    def wrapping(a: kind, b: kind) -> kind:
        return a.wrapping_add(b).wrapping_mul(3).wrapping_sub(b)

    @fn
    def checked(a: kind, b: kind) -> kind | None:
        s = a.checked_add(b)
        if s is None:
            return a.checked_sub(b)
        return s.checked_mul(2)

    @fn
    def saturating(a: kind, b: kind) -> kind:
        return a.saturating_sub(b)

    @fn
    def counts(a: kind) -> tuple[kind, kind, kind]:
        return a.leading_zeros(), a.trailing_zeros(), a.count_ones()

    @fn
    def rotated(a: kind, n: u32) -> kind:
        return a.rotate_left(n)

    @fn
    def extremes(a: kind, b: kind) -> tuple[kind, kind]:
        return min(a, b), max(a, 3)

    @fn
    def conversions(a: kind) -> tuple[u8, i16, u32, i64]:
        return u8.trunc(a), i16.trunc(a), u32.trunc(a), i64.trunc(a)

    @fn
    def narrow(a: kind) -> i8:
        return i8(a)

    @fn
    def wide(a: kind) -> u64:
        return u64(a)

    two = (add, sub, mul, mixed, order, between, wrapping, checked, saturating, extremes)
    return two, (left, right, rotated), (counts, conversions, narrow, wide)


def unsigned_operations(kind):  # type: ignore[no-untyped-def]
    @fn
    def divide(a: kind, b: kind) -> kind:
        return a // b

    @fn
    def remainder(a: kind, b: kind) -> kind:
        return a % b

    return divide, remainder


@fn(unchecked=True)
def unchecked(a: u32, b: u32) -> u32:
    return a * b + (a - b) + (a << b)


@fn
def negate(a: i32) -> i32:
    return -a


@fn
def address(a: Gpa, b: Gpa, n: u64) -> tuple[Gpa, u64, Gpa, bool]:
    return a + n, a - b, (a - 16) & ~0xFFF, a < b


ALL = {kind: operations(kind) for kind in KINDS}
UNSIGNED = {kind: unsigned_operations(kind) for kind in KINDS if not kind.signed}
# Module level names, so that the program finds them.
FUNCTIONS = [f for group in ALL.values() for part in group for f in part] + [f for p in UNSIGNED.values() for f in p]
for number, function in enumerate(FUNCTIONS):
    globals()[f"function_{number}"] = function


def numbers(kind):  # type: ignore[no-untyped-def]
    edges = st.sampled_from(sorted({kind.low, kind.high, 0, 1, 2, 3, 7, kind.high - 1, kind.high // 2, kind.low // 2}))
    return st.one_of(edges, st.integers(kind.low, kind.high)).map(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None, database=None)
@given(data=st.data())
def test_integers_agree_in_all_executions(kind: type, data: st.DataObject) -> None:
    two, shifts, one = ALL[kind]
    a, b = data.draw(numbers(kind)), data.draw(numbers(kind))
    for function in two:
        agree(function, a, b)
    for function in UNSIGNED.get(kind, ()):
        agree(function, a, b)
    for function in one:
        agree(function, a)
    amount = data.draw(st.one_of(st.integers(0, 70), st.sampled_from([255, 256, 300, 2**32, 2**64 - 1])))
    agree(shifts[0], a, u64(amount))
    agree(shifts[1], a, u8(amount & 255))
    agree(shifts[2], a, u32(amount & 0xFFFF_FFFF))


def test_each_check_traps_with_its_kind() -> None:
    (add, sub, mul, *_), (left, *_), (_, _, narrow, wide) = ALL[u8]
    assert trapped(add, u8(255), u8(1)) == "overflow in +"
    assert trapped(sub, u8(0), u8(1)) == "overflow in -"
    assert trapped(mul, u8(16), u8(16)) == "overflow in *"
    assert trapped(left, u8(1), u64(8)) == "shift amount out of range"
    assert trapped(narrow, u8(200)) == "value does not fit"
    assert trapped(UNSIGNED[u8][0], u8(1), u8(0)) == "division by zero"
    assert trapped(negate, i32(-(2**31))) == "overflow in -"
    assert trapped(ALL[i8][2][3], i8(-1)) == "value does not fit"


@given(a=numbers(u32), b=numbers(u32))
@settings(max_examples=25, deadline=None, database=None)
def test_unchecked_functions_wrap(a: u32, b: u32) -> None:
    agree(unchecked, a, b)


@given(a=numbers(u64), b=numbers(u64), n=numbers(u64))
@settings(max_examples=25, deadline=None, database=None)
def test_addresses_agree(a: u64, b: u64, n: u64) -> None:
    agree(address, Gpa(a), Gpa(b), n)
