from __future__ import annotations

from typing import Never

import pytest

from codegen.lang import Atomic, Field, HwEnum, Struct, fn, i32, range, static, storage, u8, u32, u64, usize
from tests.front.modes import agree, trapped


class Color(HwEnum, repr=u8):
    RED = 1
    GREEN = 2
    BLUE = 7


class Log(Struct):
    count: Field[u64]
    digits: Field[u64]


class Lock(Struct):
    held: Atomic[u32]
    entered: Field[u32]

    @fn
    def __enter__(self) -> None:
        self.held.store(1)
        self.entered += 1

    @fn
    def __exit__(self, *_: object) -> None:
        self.held.store(0)
        LOG.count += 100


LOG = storage(Log)
LOCK = storage(Lock)
STEPS = (3, 1, 2)
PAIRS = ((u32(1), "one"), (u32(2), "two"))


@fn
def trace(digit: u64) -> u64:
    LOG.count += 1
    LOG.digits = LOG.digits * 10 + digit
    return digit


@fn
def loops(n: u32) -> u32:
    total = u32(0)
    for i in range(n):
        if i == 3:
            continue
        if i == 8:
            break
        for j in range(i, n, 3):
            total += j
            if total > 1000:
                return total
    while total > 10:
        total -= 7
        if total == 13:
            break
    return total


@fn
def last_value(n: u32) -> u32:
    i = u32(77)
    for i in range(n):
        i += 5
    return i


@fn
def steps_at_the_end_of_the_type() -> u32:
    count = u32(0)
    for _i in range(u8(250), u8(255), 4):
        count += 1
    for _j in range(i32(-5), 5, 3):
        count += 16
    return count


@fn
def literal_range() -> usize:
    total = usize(0)
    for i in range(5):
        total += i
    for i in range(2, 9, 2):
        total += i * 100
    return total


@fn
def matched(color: Color, n: u32) -> u32:
    match color:
        case Color.RED:
            base = u32(1)
        case Color.GREEN | Color.BLUE:
            base = u32(2)
    match n:
        case 0:
            return base
        case 1 | 2 | 3:
            base += 10
        case _:
            base += 20
    return base


@fn
def unrolled(n: u64) -> u64:
    total = u64(0)
    for step in static(STEPS):
        if n == step:
            continue
        total += step
        if total > 4:
            break
        total *= 2
    for number, name in static(PAIRS):
        total += u64(number) + static(len(name))
    if static(len(STEPS) == 3):
        total += 1000
    else:
        total += "nonsense"  # type: ignore[operator]
    return total


@fn
def scoped(n: u32) -> u64:
    for i in range(n):
        with LOCK:
            if i == 2:
                continue
            if i == 4:
                break
            if n == 3 and i == 1:
                return trace(u64(LOCK.held.load()))
        trace(u64(LOCK.held.load()))
    return trace(u64(7))


@fn
def short_circuit(a: bool, b: bool) -> u64:
    if a and trace(u64(1)) == 1 or b and trace(u64(2)) == 3 or not a:
        return trace(u64(3))
    return trace(u64(4)) if b else trace(u64(5))


@fn
def chained(a: u64, b: u64) -> bool:
    return trace(a) < trace(b) <= trace(u64(5)) != trace(u64(6))


@fn
def order(a: u64) -> u64:
    LOG.digits = trace(u64(1)) + trace(a) * LOG.digits
    x, y = trace(u64(2)), LOG.digits
    x, y = y, x
    return combine(third=trace(u64(3)), first=x, second=trace(y))


@fn
def combine(first: u64, second: u64, third: u64) -> u64:
    return first * 4 + second * 2 + third


@fn
def rotate(a: u32, b: u32, c: u32) -> tuple[u32, u32, u32]:
    a, b, c = b, c, a
    a, b = b, a
    return a, b, c


@fn
def stops(n: u32) -> Never:
    while True:
        assert n < 3, "never"
        n += 1


@fn
def calls_never(n: u32) -> u32:
    if n > 5:
        stops(n)
    else:
        m = n
    return m


@fn
def definite(n: u32) -> u32:
    if n > 3:
        m = u32(1)
    elif n > 1:
        return u32(9)
    else:
        m = u32(2)
    return m


@pytest.mark.parametrize("n", [0, 1, 3, 4, 9, 30, 200])
def test_loops_break_and_continue(n: int) -> None:
    agree(loops, u32(n))
    agree(last_value, u32(n))
    agree(unrolled, u64(n))
    agree(scoped, u32(n))
    agree(definite, u32(n))


def test_ranges_take_the_type_of_their_ends_and_never_overrun() -> None:
    assert agree(literal_range) == ("usize", "usize(2010)")
    agree(steps_at_the_end_of_the_type)


@pytest.mark.parametrize("color", list(Color))
@pytest.mark.parametrize("n", [0, 1, 3, 4])
def test_match_picks_the_arm(color: Color, n: int) -> None:
    agree(matched, color, u32(n))


@pytest.mark.parametrize("a", [False, True])
@pytest.mark.parametrize("b", [False, True])
def test_conditions_compute_only_what_they_need(a: bool, b: bool) -> None:
    agree(short_circuit, a, b)


@pytest.mark.parametrize("a, b", [(1, 2), (2, 1), (1, 9)])
def test_operands_are_computed_once_and_in_order(a: int, b: int) -> None:
    agree(chained, u64(a), u64(b))
    agree(order, u64(a))


def test_tuples_are_assigned_at_once() -> None:
    assert agree(rotate, u32(1), u32(2), u32(3))[:2] == (("u32", "u32(3)"), ("u32", "u32(2)"))


def test_a_function_that_never_returns_ends_its_caller() -> None:
    assert trapped(calls_never, u32(6)) == "assertion failed"
    agree(calls_never, u32(2))
