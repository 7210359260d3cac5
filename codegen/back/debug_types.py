"""Shapes as LLVM's debug-info types: what gdb calls u32, Gpa, Vcpu, and how they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from codegen.back.metadata import Metadata
from codegen.ir.shapes import BitFields, Cell, Enumeration, Group, Record, Reference, Row, Scalar, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

ENCODINGS = {"unsigned": "DW_ATE_unsigned", "signed": "DW_ATE_signed", "boolean": "DW_ATE_boolean"}


class DebugTypes:
    """Numbers of types by the names of their shapes, each made at its first use. Layouts that stand `elsewhere`, in
    another module of the program, are only declared: gdb finds them by their name."""

    def __init__(
        self, metadata: Metadata, shapes: Mapping[str, Shape], pointer_bytes: int, elsewhere: Set[str]
    ) -> None:
        self._metadata = metadata
        self._shapes = shapes
        self._pointer_bytes = pointer_bytes
        self._elsewhere = elsewhere
        self._numbers: dict[str, int] = {}
        self._retained: list[int] = []

    def number(self, name: str) -> int:
        """The type of this name. A layout's number is known before its parts are, which may refer to it."""
        known = self._numbers.get(name)
        if known is not None:
            return known
        shape = self._shapes[name]
        match shape:
            case Scalar():
                text = f'!DIBasicType(name: "{name}", size: {shape.size * 8}, encoding: {ENCODINGS[shape.encoding]})'
                made = self._metadata.node(text)
            case Reference():
                made = self._metadata.node("")
                self._numbers[name] = made
                size = self._pointer_bytes * 8
                self._metadata.fill(made, derived("pointer_type", f"baseType: {self._ref(shape.target)}, size: {size}"))
            case Row():
                made = self._array(shape.shape, shape.count, shape.stride)
            case Group():
                made = self._group(shape)
            case Enumeration() | BitFields() | Record():
                made = self._named(shape)
            case _:
                assert_never(shape)
        self._numbers[name] = made
        return made

    def describe_all(self) -> None:
        """Make all named types: people look at memory as any of them."""
        for name, shape in self._shapes.items():
            if isinstance(shape, Enumeration | BitFields | Record):
                self.number(name)

    def retained(self) -> str:
        """The named types that were made, for the compile unit."""
        return self._metadata.tuple(self._retained)

    def size(self, name: str) -> int:
        """In bytes."""
        match self._shapes[name]:
            case Scalar(_, size) | Record(_, size):
                return size
            case Enumeration(_, base) | BitFields(_, base):
                return self.size(base)
            case Reference():
                return self._pointer_bytes
            case Row(_, element, count, stride):
                return max(count - 1, 0) * stride + self.size(element)
            case Group() as group:
                return self._group_layout(group)[1]

    def _ref(self, name: str) -> str:
        return f"!{self.number(name)}"

    def _named(self, shape: Enumeration | BitFields | Record) -> int:
        """The type and, as in C, its name without `struct` or `enum`: gdb takes `(Vcpu *) address`."""
        tagged = self._metadata.node("")
        made = self._metadata.node(derived("typedef", f'name: "{shape.name}", baseType: !{tagged}'))
        self._numbers[shape.name] = made
        self._retained.append(made)
        match shape:
            case Enumeration():
                text = self._enumeration(shape)
            case BitFields():
                text = self._bit_fields(shape, tagged)
            case Record() if shape.name in self._elsewhere:
                text = f'!DICompositeType(tag: DW_TAG_structure_type, name: "{shape.name}", flags: DIFlagFwdDecl)'
            case Record():
                members = [self._cell(cell, tagged) for cell in shape.cells]
                text = self._structure(shape.name, shape.size, members)
        self._metadata.fill(tagged, text)
        return made

    def _enumeration(self, shape: Enumeration) -> str:
        """The members have the enum's name before theirs, as one writes them."""
        signed = getattr(self._shapes[shape.base], "encoding", "") == "signed"
        mark = "" if signed else ", isUnsigned: true"
        members = [
            self._metadata.node(f'!DIEnumerator(name: "{shape.name}.{name}", value: {value}{mark})')
            for name, value in shape.members
        ]
        return (
            f'distinct !DICompositeType(tag: DW_TAG_enumeration_type, name: "{shape.name}", '
            f"baseType: {self._ref(shape.base)}, size: {self.size(shape.base) * 8}, "
            f"elements: {self._metadata.tuple(members)})"
        )

    def _bit_fields(self, shape: BitFields, scope: int) -> str:
        members = []
        for part in shape.parts:
            where = f"size: {part.width}, offset: {part.low}, flags: DIFlagBitField, extraData: i64 0"
            members.append(self._member(part.name, part.shape, scope, where))
        return self._structure(shape.name, self.size(shape.base), members)

    def _cell(self, cell: Cell, scope: int) -> int:
        if cell.count is None:
            where = f"size: {self.size(cell.shape) * 8}, offset: {cell.offset * 8}"
            return self._member(cell.name, cell.shape, scope, where)
        array = self._array(cell.shape, cell.count, cell.stride)
        size = max(cell.count - 1, 0) * cell.stride + self.size(cell.shape)
        text = f"baseType: !{array}, size: {size * 8}, offset: {cell.offset * 8}"
        return self._metadata.node(derived("member", f'name: "{cell.name}", scope: !{scope}, {text}'))

    def _group(self, shape: Group) -> int:
        offsets, size, _ = self._group_layout(shape)
        number = self._metadata.node("")
        members = [
            self._member(name, kind, number, f"size: {self.size(kind) * 8}, offset: {offset * 8}")
            for (name, kind), offset in zip(shape.items, offsets, strict=True)
        ]
        self._metadata.fill(number, self._structure(shape.name, size, members))
        return number

    def _group_layout(self, shape: Group) -> tuple[list[int], int, int]:
        """Offsets, size and alignment, as LLVM places a structure of these."""
        offsets, end, widest = [], 0, 1
        for _, kind in shape.items:
            align = self._align(kind)
            end = (end + align - 1) & -align
            offsets.append(end)
            end += self.size(kind)
            widest = max(widest, align)
        return offsets, (end + widest - 1) & -widest, widest

    def _align(self, name: str) -> int:
        shape = self._shapes[name]
        if isinstance(shape, Group):
            return self._group_layout(shape)[2]
        return min(self.size(name), self._pointer_bytes)

    def _member(self, name: str, kind: str, scope: int, where: str) -> int:
        return self._metadata.node(
            derived("member", f'name: "{name}", scope: !{scope}, baseType: {self._ref(kind)}, {where}')
        )

    def _structure(self, name: str, size: int, members: list[int]) -> str:
        elements = self._metadata.tuple(members)
        return (
            f'distinct !DICompositeType(tag: DW_TAG_structure_type, name: "{name}", size: {size * 8}, '
            f"elements: {elements})"
        )

    def _array(self, element: str, count: int, stride: int) -> int:
        apart = f", lowerBound: 0, stride: {stride}" if stride != self.size(element) else ""
        bounds = self._metadata.tuple([self._metadata.node(f"!DISubrange(count: {count}{apart})")])
        return self._metadata.node(
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {self._ref(element)}, "
            f"size: {stride * count * 8}, elements: {bounds})"
        )


def derived(tag: str, text: str) -> str:
    """A DIDerivedType."""
    return f"!DIDerivedType(tag: DW_TAG_{tag}, {text})"
