"""Storage, tables, spans of text, per-CPU data, and what an image is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from codegen.lang import (
    Array,
    Field,
    Gpa,
    Hva,
    HwEnum,
    Struct,
    Trap,
    at,
    count,
    host,
    init,
    per_cpu,
    references,
    span,
    static_of,
    storage,
    storage_array,
    table,
    u8,
    u16,
    u32,
    u64,
    wrmsr,
)


class Color(HwEnum, repr=u8):
    RED = 1


class Point(Struct):
    x: Field[u32]
    y: Field[u32]


class Leaf(Struct, size=48):
    eax: Field[u32] = at(0)
    color: Field[Color] = at(4)
    base: Field[Gpa] = at(8)
    point: Point = at(16)
    list: Array[u16] = at(24, count=3)
    target: Field[Point | None] = at(32)
    next: Field[Leaf | None] = at(40)


class PerProcessor(Struct):
    self_address: Field[Hva]
    number: Field[u32]


POINTS = storage_array(Point, 4, section=".bss.points")
NUMBERS = table(u32, [1, u32(2), 0xFFFF_FFFF])
LEAVES = table(
    Leaf,
    [
        init(Leaf, eax=1, color=Color.RED, base=Gpa(5), point=init(Point, y=7), list=[1, 2]),
        init(Leaf, target=POINTS[2]),
    ],
)


def test_tables_hold_their_values_in_the_layout_of_memory() -> None:
    assert [int(n) for n in NUMBERS] == [1, 2, 0xFFFF_FFFF]
    found = static_of(NUMBERS)
    assert found is not None and found[0].contents() == b"\1\0\0\0\2\0\0\0\xff\xff\xff\xff"
    leaf = LEAVES[0]
    assert leaf.eax == 1 and leaf.color is Color.RED and leaf.base == Gpa(5)
    assert leaf.point.y == 7 and leaf.list[1] == 2 and leaf.list[2] == 0
    with pytest.raises(Trap):
        _ = NUMBERS[3]


def test_tables_and_text_are_read_only() -> None:
    for attempt in (
        lambda: NUMBERS.__setitem__(0, 1),
        lambda: setattr(LEAVES[0], "eax", 1),
        lambda: span(b"x").__setitem__(0, 1),
        lambda: LEAVES[0].zero(),
    ):
        with pytest.raises(TypeError, match="read-only"):
            attempt()  # type: ignore[no-untyped-call]


def test_references_of_tables_are_listed_for_the_linker() -> None:
    leaves, points = static_of(LEAVES), static_of(POINTS)
    assert leaves is not None and points is not None
    assert references(leaves[0]) == [(48 + 32, points[0], 16)]


def test_static_memory_is_known_by_its_views() -> None:
    state = storage(Leaf)
    found = static_of(state.point)
    assert found is not None and found[0].kind == "storage" and found[1] == 16
    assert found[0].element is Leaf and found[0].contents() == bytes(48)
    array = static_of(POINTS)
    assert array is not None and (array[0].kind, array[0].count, array[0].section) == ("array", 4, ".bss.points")
    text = static_of(span(b"abc"))
    assert text is not None and text[0].kind == "bytes" and text[0].contents() == b"abc"
    assert static_of(u32(3)) is None


def test_equal_texts_are_one() -> None:
    assert span(b"same") is span(b"same")


def test_misfitting_tables_are_refused() -> None:
    for attempt in (
        lambda: table(u8, [256]),
        lambda: table(u8, [u16(1)]),
        lambda: init(Leaf, eaz=1),
        lambda: table(Leaf, [init(Leaf, eax=Color.RED)]),
        lambda: table(Leaf, [init(Point)]),
        lambda: table(Leaf, [init(Leaf, list=[1, 2, 3, 4])]),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_per_cpu_data_follows_the_gs_base() -> None:
    data = per_cpu(PerProcessor)
    data.current.number = 3
    assert data.here().number == 3 and data.here() is data.current
    assert data.current.self_address == Hva(data.current._address)
    second = storage(PerProcessor)
    wrmsr(u32(0xC000_0101), u64(second._address))
    assert data.current is second
    host.reset()
    assert data.current.number == 0


def test_per_cpu_data_starts_with_its_own_address() -> None:
    with pytest.raises(TypeError, match="self_address"):
        per_cpu(Point)


def test_reset_zeroes_storage_and_keeps_tables() -> None:
    POINTS[1].x = 9
    host.reset()
    assert POINTS[1].x == 0 and NUMBERS[0] == 1


def test_arrays_by_the_c_rule_count_their_elements() -> None:
    class Named(Struct):
        name: Array[u8] = count(8)

    kind: Any = Named
    assert kind.name.count == 8
