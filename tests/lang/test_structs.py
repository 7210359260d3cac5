"""Structs: placement as C does it or as hardware demands, and access to every kind of cell."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lang import (
    Array,
    Atomic,
    BitStruct,
    Field,
    Gpa,
    Hpa,
    HwEnum,
    Struct,
    Trap,
    address_of,
    at,
    bit,
    count,
    i16,
    phys,
    sizeof,
    storage,
    u8,
    u16,
    u32,
    u64,
)


class Kind(HwEnum, repr=u16):
    A = 1
    B = 2


class Flags(BitStruct, repr=u32):
    busy: bool = bit(3)


class Inner(Struct):
    low: Field[u8]
    high: Field[u64]


class Node(Struct):
    tag: Field[u8]
    next: Field[Node | None]
    late: Field[Later | None]
    kind: Field[Kind]
    flags: Field[Flags]
    armed: Field[bool]
    base: Field[Gpa]
    delta: Field[i16]
    name: Array[u8] = count(3)
    inner: Inner
    list: Array[Inner] = count(2)
    hits: Atomic[u32]


class Later(Struct):
    owner: Field[Node]


class Header(Struct, size=16, align=1):
    length: Field[u32] = at(1)
    checksum: Field[u8] = at(9)


NODE = storage(Node)
LATER = storage(Later)


def test_the_c_rule_places_as_c_does() -> None:
    class CInner(ctypes.Structure):
        _fields_ = [("low", ctypes.c_uint8), ("high", ctypes.c_uint64)]

    class CNode(ctypes.Structure):
        _fields_ = [
            ("tag", ctypes.c_uint8),
            ("next", ctypes.c_void_p),
            ("late", ctypes.c_void_p),
            ("kind", ctypes.c_uint16),
            ("flags", ctypes.c_uint32),
            ("armed", ctypes.c_bool),
            ("base", ctypes.c_uint64),
            ("delta", ctypes.c_int16),
            ("name", ctypes.c_uint8 * 3),
            ("inner", CInner),
            ("list", CInner * 2),
            ("hits", ctypes.c_uint32),
        ]

    layout = Node.__layout__
    assert layout.size == ctypes.sizeof(CNode) == sizeof(Node)
    for name in layout.fields:
        field = getattr(CNode, name)
        assert (layout.fields[name].offset, layout.fields[name].size) == (field.offset, field.size), name


@given(st.integers(0, 2**64 - 1), st.integers(-(2**15), 2**15 - 1), st.booleans(), st.sampled_from(Kind))
def test_cells_hold_what_is_stored(base: int, delta: int, armed: bool, kind: Kind) -> None:
    NODE.base, NODE.delta, NODE.armed, NODE.kind = Gpa(base), i16(delta), armed, kind
    NODE.flags = Flags(busy=armed)
    assert (int(NODE.base), int(NODE.delta), NODE.armed, NODE.kind) == (base, delta, armed, kind)
    assert NODE.flags.busy is armed


def test_memory_has_the_bytes_of_the_hardware() -> None:
    header = phys(Header, Hpa(0x1000))
    header.length = 0x1234_5678
    header.checksum = u8(0xAB)
    from codegen.lang import host

    assert host.memory.read(Hpa(0x1000), 16) == b"\0\x78\x56\x34\x12\0\0\0\0\xab" + bytes(6)


def test_references_are_null_or_the_same_view() -> None:
    assert NODE.next is None and NODE.late is None
    NODE.next, NODE.late, LATER.owner = NODE, LATER, NODE
    assert NODE.next is NODE
    late = NODE.late
    assert late is LATER and late.owner is NODE
    assert phys(Inner, Hpa(64)) is phys(Inner, Hpa(64)) and phys(Inner, Hpa(64)) is not phys(Inner, Hpa(72))


def test_embedded_structs_and_arrays_are_places() -> None:
    NODE.inner.high = 7
    NODE.list[1].copy_from(NODE.inner)
    assert NODE.list[u8(1)].high == 7 and NODE.list[0].high == 0
    assert address_of(NODE.inner) - address_of(NODE) == Node.__layout__.fields["inner"].offset
    NODE.name[2] = 5
    assert [int(byte) for byte in NODE.name] == [0, 0, 5] and len(NODE.name) == 3
    NODE.zero()
    assert NODE.name[2] == 0 and NODE.list[1].high == 0


@pytest.mark.parametrize("index", (3, u8(3), u64(2**63)))
def test_an_index_outside_traps(index: Any) -> None:
    with pytest.raises(Trap, match="index out of range"):
        _ = NODE.name[index]
    with pytest.raises(Trap, match="index out of range"):
        NODE.name[index] = 0


def test_atomics_update_and_wrap() -> None:
    hits = NODE.hits
    hits.store(0xFFFF_FFFF)
    assert hits.fetch_add(2) == 0xFFFF_FFFF and hits.load() == 1
    assert hits.fetch_sub(u32(2)) == 1 and hits.load() == 0xFFFF_FFFF
    assert hits.fetch_and(0xF0) == 0xFFFF_FFFF and hits.fetch_or(0x0F) == 0xF0
    hits.store_release(u32(3))
    assert hits.exchange(4) == 3
    assert not hits.compare_exchange(5, 6) and hits.compare_exchange(4, u32(6)) and hits.load() == 6


def test_wrong_values_and_wholes_are_refused() -> None:
    node: Any = NODE
    for name, value in (
        ("tag", u16(1)),
        ("tag", True),
        ("armed", 1),
        ("kind", 1),
        ("base", u64(1)),
        ("base", 1),
        ("next", LATER),
        ("flags", u32(8)),
        ("inner", NODE.inner),
        ("name", b"abc"),
        ("hits", u32(1)),
    ):
        with pytest.raises(TypeError):
            setattr(node, name, value)
    with pytest.raises(AttributeError):
        node.tga = 1
    with pytest.raises(TypeError, match="copy_from"):
        node.list[0] = NODE.inner
    with pytest.raises(TypeError, match="storage"):
        Node()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="condition"):
        bool(node)
    with pytest.raises(TypeError, match="does not fit"):
        node.tag = 256


def test_reading_an_unknown_enum_value_traps() -> None:
    with pytest.raises(Trap, match="unknown value"):
        _ = NODE.kind


def test_offsets_of_cells_are_constants_through_embedded_structs() -> None:
    node: Any = Node
    assert Inner.high.offset == 8
    assert node.inner.high.offset == node.inner.offset + 8
    assert (node.list.count, node.list.stride, node.list.offset % 8) == (2, 16, 0)


def test_impossible_layouts_are_refused() -> None:
    with pytest.raises(TypeError, match="overlaps"):

        class _Overlap(Struct):
            a: Field[u32] = at(0)
            b: Field[u8] = at(3)

    with pytest.raises(TypeError, match="not aligned"):

        class _Misaligned(Struct):
            a: Field[u32] = at(2)

    with pytest.raises(TypeError, match="does not hold"):

        class _Small(Struct, size=4):
            a: Field[u64] = at(0)

    with pytest.raises(TypeError, match="either every cell"):

        class _Mixed(Struct):
            a: Field[u32] = at(0)
            b: Field[u32]

    with pytest.raises(TypeError, match="is no cell"):

        class _Bare(Struct):
            a: u32

    with pytest.raises(TypeError, match="do not inherit"):

        class _Derived(Inner):
            a: Field[u32]

    with pytest.raises(TypeError, match="count of 1 or more"):

        class _Uncounted(Struct):
            a: Array[u32]


def test_shared_layouts_say_so() -> None:
    class Ring(Struct, shared=True):
        head: Field[u32]

    assert Ring.__layout__.shared and not Node.__layout__.shared


def test_quoted_and_unquoted_annotations_mean_the_same() -> None:
    source = """
class Early(Struct):
    a: Field["Late | None"]
    b: Field[u8]

class Late(Struct):
    early: Field[Early]
    other: Array["Early | None"] = count(2)
"""
    names: dict[str, Any] = {
        "Struct": Struct,
        "Field": Field,
        "Array": Array,
        "count": count,
        "u8": u8,
        "__name__": "m",
    }
    exec(compile(source, "m", "exec", dont_inherit=True), names)
    early, late = names["Early"].__layout__, names["Late"].__layout__
    assert early.fields["a"].type == names["Late"] | None and late.fields["early"].type is names["Early"]
    assert (early.size, late.size) == (16, 24)
