"""`len`, `range`, `min` and `max` keep types."""

from __future__ import annotations

import builtins

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import len, max, min, range, span, table, u8, u16, u32, u64, usize

NUMBERS = table(u16, [1, 2, 3])


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 9))
def test_a_range_counts_in_the_type_of_its_end(start: int, stop: int, step: int) -> None:
    expected = [*builtins.range(start, stop, step)]
    for counted in (range(u8(start), u8(stop), step), range(start, u8(stop), step), range(u8(start), stop, step)):
        values = [*counted]
        assert [int(v) for v in values] == expected and all(type(v) is u8 for v in values)


def test_literals_alone_count_in_usize() -> None:
    assert [type(v) for v in range(2)] == [usize, usize]
    assert type(len(span(b"abc"))) is usize and type(len(NUMBERS)) is int


def test_mixed_ends_are_refused() -> None:
    for attempt in (
        lambda: range(u8(0), u16(3)),  # type: ignore[type-var]
        lambda: range(u8(0), 256),
        lambda: range(u8(0), u8(3), u8(1)),  # type: ignore[call-overload]
        lambda: range(0, 3, 0),
        lambda: min(u32(1), u64(1)),  # type: ignore[type-var]
        lambda: max(u8(1), 256),
        lambda: max(u8(1), True),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_min_and_max_take_a_literal_beside_a_typed_number() -> None:
    assert min(u32(3), 5) == 3 and max(5, u32(3)) == u32(5)
    assert type(min(u32(3), 5)) is u32 and type(min(3, 5)) is int
