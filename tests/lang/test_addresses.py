"""Addresses move by bytes, subtract to bytes, and never mix."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import Gpa, Gva, Hpa, Hva, Trap, u32, u64

addresses = st.integers(0, 2**64 - 1)


@given(addresses, addresses)
def test_sums_and_differences_are_exact_or_trap(a: int, b: int) -> None:
    if a + b < 2**64:
        assert Gpa(a) + u64(b) == Gpa(a + b) == Gpa(a) + b
    else:
        with pytest.raises(Trap):
            Gpa(a) + u64(b)
    if a >= b:
        distance = Gpa(a) - Gpa(b)
        assert type(distance) is u64 and distance == a - b
        assert Gpa(a) - u64(b) == Gpa(a - b)
    else:
        with pytest.raises(Trap, match="overflow in -"):
            Gpa(a) - Gpa(b)


@given(addresses)
def test_masks_keep_the_kind(a: int) -> None:
    page = Hva(a) & ~0xFFF
    assert type(page) is Hva and int(page) == a & ~0xFFF
    assert u64(Hva(a) & u64(0xFFF)) == a % 4096


@pytest.mark.parametrize("other", (Hpa(1), Gva(1), Hva(1), u64(1), 1, None))
def test_kinds_do_not_compare(other: Any) -> None:
    with pytest.raises(TypeError, match="differ"):
        _ = Gpa(1) == other


def test_what_is_no_distance_is_refused() -> None:
    gpa: Any = Gpa(1)
    for attempt in (lambda: gpa + Gpa(1), lambda: gpa + u32(1), lambda: gpa - Hpa(1), lambda: Gpa(Hpa(1))):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            attempt()


def test_addresses_order_hash_and_are_no_conditions() -> None:
    assert Gpa(1) < Gpa(2) <= Gpa(2) and len({Gpa(1), Gpa(1)}) == 1
    with pytest.raises(TypeError, match="condition"):
        bool(Gpa(1))
