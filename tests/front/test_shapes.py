from __future__ import annotations

import dataclasses

import pytest

from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.ir import nodes as ir
from codegen.ir.shapes import BitFields, BitPart, Cell, Enumeration, Group, Record, Reference, Row, Scalar
from codegen.ir.show import show_program
from codegen.ir.verify import BadIr, verify
from codegen.lang import (
    Array,
    BitStruct,
    Field,
    Hpa,
    HwEnum,
    Struct,
    bit,
    bits,
    count,
    fn,
    storage,
    u8,
    u16,
    u32,
    u64,
)  # fmt: skip


class Mode(HwEnum, repr=u16):
    OFF = 0
    ON = 7


class Flags(BitStruct, repr=u32):
    ready: bool = bit(0)
    mode: Mode = bits(4, 7)


class Node(Struct, align=16):
    next: Field[Node | None]
    flags: Field[Flags]
    bytes: Array[u8] = count(3)


class Unused(Struct):
    x: Field[u64]


HEAD = storage(Node)


@fn
def find(hpa: Hpa, n: u32) -> u32 | Mode:
    """Every kind of local once."""
    node = HEAD.next
    if node is None:
        return Mode.OFF
    flags = node.flags
    maybe = n.checked_add(u32(1))
    if maybe is None or not flags.ready:
        return flags.mode
    return maybe


@pytest.fixture(scope="module")
def program() -> ir.Program:
    made, diagnostics = lower_program([find], [], TargetInfo())
    assert not diagnostics
    verify(made)
    return made


def test_locals_have_the_shapes_of_their_types(program: ir.Program) -> None:
    (function,) = program.functions.values()
    found = {local.name: local.shape for local in (*function.parameters, *function.locals) if local.shape}
    assert found == {"hpa": "Hpa", "n": "u32", "node": "&Node", "flags": "Flags", "maybe": "u32 | None"}
    assert function.result_shape == "u32 | Mode"
    assert [data.shape for data in program.data.values()] == ["Node"]


def test_shapes_are_the_layouts_of_the_language(program: ir.Program) -> None:
    shapes = program.shapes
    assert shapes["Hpa"] == Scalar("Hpa", 8, "unsigned")
    assert shapes["Mode"] == Enumeration("Mode", "u16", (("OFF", 0), ("ON", 7)))
    assert shapes["Flags"] == BitFields("Flags", "u32", (BitPart("ready", 0, 1, "bool"), BitPart("mode", 4, 4, "Mode")))
    cells = (Cell("next", "&Node", 0), Cell("flags", "Flags", 8), Cell("bytes", "u8", 12, 3, 1))
    assert shapes["Node"] == Record("Node", 16, 16, cells)
    assert shapes["&Node"] == Reference("&Node", "Node")
    assert shapes["u32 | None"] == Group("u32 | None", (("present", "bool"), ("value", "u32")))
    assert shapes["u32 | Mode"] == Group("u32 | Mode", (("ok", "bool"), ("value", "u32"), ("error", "Mode")))


def test_only_what_the_program_reaches_has_a_shape(program: ir.Program) -> None:
    assert "Unused" not in program.shapes


def test_two_classes_of_one_name_have_two_shapes() -> None:
    def make(width: type[u32] | type[u64]) -> Struct:
        class Cell_(Struct):
            value: Field[width]  # type: ignore[valid-type]

        return storage(Cell_)

    first, second = make(u32), make(u64)

    @fn
    def both() -> u64:
        return u64(first.value) + second.value

    made, _ = lower_program([both], [], TargetInfo())
    sizes = [s.size for s in made.shapes.values() if isinstance(s, Record)]
    assert sizes == [4, 8]


def test_the_printer_shows_shapes(program: ir.Program) -> None:
    text = show_program(program)
    assert "shape Node: size 16 align 16 next@0 &Node, flags@8 Flags, bytes@12 u8 * 3 by 1\n" in text
    assert "shape Flags: bits u32 ready@0+1 bool, mode@4+4 Mode\n" in text
    assert " as Node\n" in text


def with_shape(program: ir.Program, name: str, shape: str) -> ir.Program:
    """The program with another shape for one local."""
    (function,) = program.functions.values()
    locals_ = tuple(dataclasses.replace(x, shape=shape) if x.name == name else x for x in function.locals)
    changed = dataclasses.replace(function, locals=locals_)
    return dataclasses.replace(program, functions={changed.symbol: changed})


@pytest.mark.parametrize(
    "name, shape",
    [("flags", "Hpa"), ("flags", "&Node"), ("maybe", "u32"), ("maybe", "u32 | Mode"), ("node", "no such")],
)
def test_the_verifier_refuses_a_shape_that_does_not_fit(program: ir.Program, name: str, shape: str) -> None:
    with pytest.raises(BadIr, match=f"local {name}"):
        verify(with_shape(program, name, shape))


def test_the_verifier_refuses_a_shape_that_nobody_defines(program: ir.Program) -> None:
    shapes = {**program.shapes, "row": Row("row", "nothing", 2, 8)}
    with pytest.raises(BadIr, match="shape row: refers to unknown 'nothing'"):
        verify(dataclasses.replace(program, shapes=shapes))
