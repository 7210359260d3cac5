"""Enumerations and bit structs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import BitStruct, HwEnum, Trap, bit, bits, i8, u8, u32, u64


class Mode(HwEnum, repr=u8, must_use=True):
    OFF = 0
    ON = 1
    AUTO = 3


class Other(HwEnum, repr=u8):
    OFF = 0


class Entry(BitStruct, repr=u64):
    present: bool = bit(0)
    mode: Mode = bits(1, 2)
    bias: i8 = bits(4, 7)
    frame: u64 = bits(12, 51)


def test_enums_are_found_by_number() -> None:
    assert Mode.find(u8(3)) is Mode.AUTO and Mode.find(u8(2)) is None
    assert Mode.checked(u8(1)) is Mode.ON
    with pytest.raises(Trap, match="unknown value"):
        Mode.checked(u8(2))
    with pytest.raises(TypeError, match="u8"):
        Mode.checked(u32(1))


def test_enums_convert_print_and_describe_themselves() -> None:
    kind: Any = Mode
    assert u32(Mode.AUTO) == 3 and f"{Mode.AUTO}" == "AUTO"
    assert kind.__repr_type__ is u8 and kind.must_use
    with pytest.raises(TypeError, match="differ"):
        _ = Mode.OFF == Other.OFF  # type: ignore[comparison-overlap]
    with pytest.raises(TypeError, match="condition"):
        bool(Mode.OFF)
    assert {Mode.OFF: 1, Other.OFF: 2}[Mode.OFF] == 1


def test_an_enum_value_must_fit_its_type() -> None:
    with pytest.raises(TypeError, match="is no u8"):

        class _Wide(HwEnum, repr=u8):
            HUGE = 256


@given(st.booleans(), st.sampled_from(Mode), st.integers(-8, 7), st.integers(0, 2**40 - 1))
def test_fields_come_back_and_leave_the_others_alone(present: bool, mode: Mode, bias: int, frame: int) -> None:
    entry = Entry(present=present, mode=mode, bias=i8(bias), frame=u64(frame))
    assert entry.present is present and entry.mode is mode and entry.bias == bias and entry.frame == frame
    assert Entry.of(u64(entry)) == entry
    assert entry.replace(bias=i8(0)).replace(bias=i8(bias)) == entry
    assert u64(entry) == present | mode.value << 1 | (bias & 15) << 4 | frame << 12


def test_a_bit_struct_is_frozen_exact_and_of_its_own_type() -> None:
    entry: Any = Entry()
    with pytest.raises(Trap, match="does not fit"):
        Entry(frame=u64(1 << 40))
    for attempt in (
        lambda: setattr(entry, "present", True),
        lambda: Entry(frame=5),  # type: ignore[arg-type]
        lambda: entry.replace(presnt=True),
        lambda: u32(entry),
        lambda: entry == u64(0),
        lambda: Entry.of(u32(0)),
        lambda: bool(entry),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_reading_an_unknown_enum_value_traps() -> None:
    with pytest.raises(Trap, match="unknown value"):
        _ = Entry.of(u64(2 << 1)).mode


def test_misplaced_bits_are_refused() -> None:
    with pytest.raises(TypeError, match="overlap"):

        class _Overlap(BitStruct, repr=u8):
            a: u8 = bits(0, 3)
            b: u8 = bits(3, 4)

    with pytest.raises(TypeError, match="not in u8"):

        class _Outside(BitStruct, repr=u8):
            a: u8 = bits(4, 8)

    with pytest.raises(TypeError, match="do not fit u8"):

        class _Wide(BitStruct, repr=u64):
            a: u8 = bits(0, 8)

    with pytest.raises(TypeError, match="a bool is one bit"):

        class _Bool(BitStruct, repr=u8):
            a: bool = bits(0, 1)


def test_a_bit_layout_is_described() -> None:
    field = Entry.__bits__.fields["frame"]
    assert (field.low, field.high, field.width, field.type) == (12, 51, 40, u64)
    assert Entry.__bits__.repr is u64
