"""Integers behave as the specification says, operator by operator, against Python's own."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import Gpa, Integer, Trap, fn, i8, i16, i32, i64, u8, u16, u32, u64, usize

TYPES = (u8, u16, u32, u64, usize, i8, i16, i32, i64)
UNSIGNED = tuple(kind for kind in TYPES if not kind.signed)


def numbers(kind: type[Integer]) -> st.SearchStrategy[int]:
    edges = st.sampled_from((kind.low, kind.low + 1, 0, 1, kind.high - 1, kind.high))
    return edges | st.integers(kind.low, kind.high)


@st.composite
def pairs(draw: Any, kinds: tuple[Any, ...] = TYPES) -> tuple[Any, int, int]:
    kind = draw(st.sampled_from(kinds))
    return kind, draw(numbers(kind)), draw(numbers(kind))


@given(pairs(), st.sampled_from((operator.add, operator.sub, operator.mul)))
def test_arithmetic_is_exact_or_traps(case: Any, operation: Any) -> None:
    kind, a, b = case
    exact = operation(a, b)
    for left, right in ((kind(a), kind(b)), (kind(a), b), (a, kind(b))):
        if kind.low <= exact <= kind.high:
            result = operation(left, right)
            assert type(result) is kind and int(result) == exact
        else:
            with pytest.raises(Trap, match="overflow in"):
                operation(left, right)


@given(pairs())
def test_named_forms_say_what_overflow_does(case: Any) -> None:
    kind, a, b = case
    x, y = kind(a), kind(b)
    for name, exact in (("add", a + b), ("sub", a - b), ("mul", a * b)):
        assert int(getattr(x, f"wrapping_{name}")(y)) & kind.mask == exact & kind.mask
        fitting = getattr(x, f"checked_{name}")(y)
        assert fitting is None if not kind.low <= exact <= kind.high else int(fitting) == exact
    assert int(x.saturating_sub(y)) == min(max(a - b, kind.low), kind.high)


@given(pairs())
def test_bits_and_comparisons_are_those_of_the_numbers(case: Any) -> None:
    kind, a, b = case
    x, y = kind(a), kind(b)
    assert (int(x & y), int(x | y), int(x ^ y)) == (a & b, a | b, a ^ b)
    assert int(~x) & kind.mask == ~a & kind.mask
    assert (x == y, x != y, x < y, x <= y, x > y, x >= y) == (a == b, a != b, a < b, a <= b, a > b, a >= b)
    assert (x == b, x < b, a > y) == (a == b, a < b, a > b)
    assert hash(x) == hash(a)


@given(pairs(UNSIGNED))
def test_division_is_unsigned_and_traps_on_zero(case: Any) -> None:
    kind, a, b = case
    if b == 0:
        for operation in (operator.floordiv, operator.mod):
            with pytest.raises(Trap, match="division by zero"):
                operation(kind(a), kind(b))
    else:
        assert (int(kind(a) // kind(b)), int(kind(a) % b)) == (a // b, a % b)


@pytest.mark.parametrize("kind", (i8, i64))
def test_division_of_signed_types_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="unsigned"):
        kind(4) // kind(2)


@given(pairs(), st.integers(0, 200))
def test_shifts_trap_from_the_width_on(case: Any, amount: int) -> None:
    kind, a, _ = case
    if amount >= kind.bits:
        with pytest.raises(Trap, match="shift amount"):
            kind(a) << u8(amount)
        with pytest.raises(TypeError, match="cannot be shifted"):
            kind(a) >> amount
    else:
        assert int(kind(a) << u32(amount)) & kind.mask == a << amount & kind.mask
        assert int(kind(a) >> amount) == a >> amount


@given(pairs(), st.integers(0, 200))
def test_bit_counts_and_rotation(case: Any, amount: int) -> None:
    kind, a, _ = case
    pattern = format(a & kind.mask, f"0{kind.bits}b")
    x = kind(a)
    assert int(x.count_ones()) == pattern.count("1")
    assert int(x.leading_zeros()) == len(pattern) - len(pattern.lstrip("0"))
    assert int(x.trailing_zeros()) == len(pattern) - len(pattern.rstrip("0"))
    turn = amount % kind.bits
    assert int(x.rotate_left(amount)) & kind.mask == int(pattern[turn:] + pattern[:turn], 2)


@given(pairs(), st.sampled_from(TYPES))
def test_conversion_fits_or_traps_and_trunc_keeps_the_low_bits(case: Any, other: Any) -> None:
    kind, a, _ = case
    if other.low <= a <= other.high:
        assert int(other(kind(a))) == a
    else:
        with pytest.raises(Trap, match="does not fit"):
            other(kind(a))
    assert int(other.trunc(kind(a))) & other.mask == a & other.mask


@pytest.mark.parametrize("left", TYPES)
@pytest.mark.parametrize("right", TYPES)
def test_two_types_never_mix(left: Any, right: Any) -> None:
    if left is right:
        return
    operations = (operator.add, operator.sub, operator.mul, operator.and_, operator.or_, operator.xor)
    comparisons = (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
    for operation in (*operations, *comparisons):
        with pytest.raises(TypeError, match="differ"):
            operation(left(1), right(1))


@pytest.mark.parametrize("wrong", (True, 1.0, "1", None, Gpa(1)))
def test_nothing_but_integers_stands_beside_an_integer(wrong: Any) -> None:
    for operation in (operator.add, operator.eq, operator.lt, operator.and_):
        with pytest.raises(TypeError):
            operation(u32(1), wrong)


def test_a_literal_must_fit() -> None:
    for attempt in (
        lambda: u8(256),
        lambda: u8(1) + 256,
        lambda: u8(1) == -1,
        lambda: i8(-129),
        lambda: u8(1) & ~0xFFF,
    ):
        with pytest.raises(TypeError, match="does not fit"):
            attempt()


def test_the_one_negative_literal_is_a_mask() -> None:
    assert u64(0x1234_5678_9ABC) & ~0xFFF == 0x1234_5678_9000
    assert u16(0xFFFF) & ~0xFF == 0xFF00


def test_a_literal_is_not_shifted_and_an_amount_is_not_signed() -> None:
    with pytest.raises(TypeError, match="left operand"):
        1 << u32(3)  # type: ignore[operator]
    with pytest.raises(TypeError, match="unsigned"):
        u32(1) << i8(3)  # type: ignore[operator]


def test_negation_is_for_signed_types_and_traps_at_the_lowest() -> None:
    assert -i8(5) == -5
    with pytest.raises(Trap, match="overflow in -"):
        -i8(-128)
    with pytest.raises(TypeError, match="signed"):
        -u8(1)  # type: ignore[operator]


def test_truth_and_true_division_are_refused() -> None:
    with pytest.raises(TypeError, match="condition"):
        bool(u32(1))
    with pytest.raises(TypeError):
        u32(1) / 2  # type: ignore[operator]


def test_bools_convert_but_do_not_add() -> None:
    assert u32(True) == 1


@pytest.mark.parametrize("spec", ("", "d", "x", "#x", "08x", "#018x", "5"))
def test_formats_are_those_of_python(spec: str) -> None:
    assert format(u64(0xABC), spec) == format(0xABC, spec)
    assert format(Gpa(0xABC), spec) == format(0xABC, spec)


@fn(unchecked=True)
def wraps(a: u8, b: u8, amount: u32) -> u8:
    return (a + b) * b - 1 << amount


@fn(unchecked=True)
def calls_checked_code(a: u8) -> u8:
    return checked(a + 1)


@fn
def checked(a: u8) -> u8:
    return a + 1


def test_unchecked_bodies_wrap_and_their_callees_do_not() -> None:
    assert wraps(u8(200), u8(100), u32(9)) == ((44 * 100 - 1) % 256) * 2 % 256
    assert calls_checked_code(u8(255)) == 1
    with pytest.raises(Trap):
        calls_checked_code(u8(254))
    with pytest.raises(Trap):
        u8(255) + 1


def test_a_trap_names_the_line_that_trapped() -> None:
    with pytest.raises(Trap) as caught:
        checked(u8(255))
    assert caught.value.file == __file__
    assert caught.value.kind == "overflow in +"
    with open(__file__, encoding="utf-8") as source:
        assert source.readlines()[caught.value.line - 1] == "    return a + 1\n"
