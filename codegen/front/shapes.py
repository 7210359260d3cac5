"""The source's types as shapes, which debuggers show: each once, when something that the program reaches has it."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from codegen.front.objects import integer, type_of
from codegen.front.types import (
    U8T,
    U64T,
    AddressType,
    ArrayType,
    BitsType,
    BlockType,
    BoolType,
    EnumType,
    IntType,
    OptionType,
    ResultType,
    SpanType,
    StructType,
    TrapSiteType,
    TupleType,
    Type,
)  # fmt: skip
from codegen.ir.shapes import BitFields, BitPart, Cell, Enumeration, Group, Record, Reference, Row, Scalar, Shape
from codegen.ir.types import PTR
from codegen.lang.bits import BitStruct
from codegen.lang.blocks import MmioBlock, PortBlock
from codegen.lang.enums import HwEnum
from codegen.lang.model import BitLayout, FieldInfo, Layout, RegisterInfo
from codegen.lang.structs import Struct

SHARED = (Struct, BitStruct, HwEnum)
KINDS = (*SHARED, MmioBlock, PortBlock)


class Shapes:
    """Fills `found`, by name. Classes of one name (a factory makes them) are told apart by a number.

    Of the layouts found, `described` are those that stand at module level in `modules`; `named` are these and the
    modules' bit structs and enums.
    """

    def __init__(self, found: dict[str, Shape], described: set[str], modules: Iterable[ModuleType]) -> None:
        self.found = found
        self.described = described
        self.named = dict.fromkeys(
            thing
            for module in modules
            for thing in vars(module).values()
            if isinstance(thing, type) and issubclass(thing, SHARED) and thing.__module__ == module.__name__
        )
        self._names: dict[Any, str] = {}

    def of(self, kind: Type) -> str:
        """The name of a type's shape; empty for types that no debugger shows."""
        match kind:
            case IntType(name, held):
                return self._scalar(name, held.bits // 8, "signed" if held.signed else "unsigned")
            case AddressType(name, held):
                return self._scalar(name, held.bits // 8, "unsigned")
            case BoolType():
                return self._scalar("bool", 1, "boolean")
            case TrapSiteType():
                return self._scalar("TrapSite", 4, "unsigned")
            case EnumType(cls):
                return self._enumeration(cls)
            case BitsType(cls):
                return self._bit_fields(cls)
            case StructType(cls):
                return self._reference(self.record(cls))
            case BlockType(cls, ports):
                return self._scalar(f"{cls.__name__} port", 2, "unsigned") if ports else self._registers(cls)
            case SpanType():
                address, length = self._reference(self.of(U8T)), self.of(U64T)
                return self._group("Span", (("address", address), ("length", length)))
            case TupleType(items):
                return self._group(str(kind), tuple((f"item{n}", self.of(item)) for n, item in enumerate(items)))
            case OptionType(item):
                if kind.ir == PTR:
                    return self.of(item)
                return self._group(str(kind), (("present", self.of(BoolType())), ("value", self.of(item))))
            case ResultType(item, error):
                parts: list[tuple[str, Type]] = [("ok", BoolType()), ("value", item), ("error", error)]
                return self._group(str(kind), tuple((name, self.of(part)) for name, part in parts))
            case ArrayType(item, count, stride):
                element = self.record(item.cls) if isinstance(item, StructType) else self.of(item)
                return self._row(element, count, stride)
            case _:
                return ""

    def record(self, cls: Any) -> str:
        """The layout itself, not a reference to it."""
        name, new = self._name(cls)
        if new:
            layout: Layout = cls.__layout__
            cells = tuple(filter(None, map(self._cell, layout.fields.values())))
            self.found[name] = Record(name, layout.size, layout.align, cells)
            if cls in self.named:
                self.described.add(name)
        return name

    def describe_all(self) -> None:
        """Every layout, bit struct and enum of the modules."""
        for cls in self.named:
            self._element(cls)

    def static(self, element: Any, count: int, stride: int, single: bool) -> str:
        """Static memory: a struct, or `count` elements."""
        shape = self._element(element)
        return shape if single else self._row(shape, count, stride)

    def _element(self, element: Any) -> str:
        kind = type_of(element)
        assert kind is not None
        return self.record(kind.cls) if isinstance(kind, StructType) else self.of(kind)

    def _cell(self, info: FieldInfo) -> Cell | None:
        """None for a cell whose type is wrong, or was never defined: that is refused where it stands."""
        try:
            shape = self._field(info)
        except (NameError, TypeError):
            return None
        if not shape:
            return None
        return Cell(info.name, shape, info.offset, *((info.count, info.stride) if info.kind == "array" else ()))

    def _field(self, info: FieldInfo) -> str:
        if info.kind in ("embedded", "array"):
            return self._element(info.type)
        kind = type_of(info.type)
        return "" if kind is None else self.of(kind)

    def _registers(self, cls: Any) -> str:
        """A reference to a block of device registers: to look at one in a debugger is to read the device."""
        name, new = self._name(cls)
        if new:
            found: dict[str, RegisterInfo] = cls.__registers__
            cells = tuple(self._register(info) for info in found.values())
            size = max((c.offset + max(c.stride * (c.count or 1), 8) for c in cells), default=1)
            self.found[name] = Record(name, size, 1, cells)
        return self._reference(name)

    def _register(self, info: RegisterInfo) -> Cell:
        kind = type_of(info.type)
        assert kind is not None
        return Cell(info.name, self.of(kind), info.offset, *((info.count, info.stride) if info.array else ()))

    def _enumeration(self, cls: Any) -> str:
        name, new = self._name(cls)
        if new:
            members = tuple((member.name, int(member.value)) for member in cls)
            self.found[name] = Enumeration(name, self.of(integer(cls.__repr_type__)), members)
        return name

    def _bit_fields(self, cls: Any) -> str:
        name, new = self._name(cls)
        if new:
            layout: BitLayout = cls.__bits__
            parts = []
            for field in layout.fields.values():
                kind = type_of(field.type)
                assert kind is not None
                parts.append(BitPart(field.name, field.low, field.width, self.of(kind)))
            self.found[name] = BitFields(name, self.of(integer(layout.repr)), tuple(parts))
        return name

    def _scalar(self, name: str, size: int, encoding: Any) -> str:
        self.found.setdefault(name, Scalar(name, size, encoding))
        return name

    def _reference(self, target: str) -> str:
        name = f"&{target}"
        self.found.setdefault(name, Reference(name, target))
        return name

    def _row(self, element: str, count: int, stride: int) -> str:
        name = f"[{element} * {count} by {stride}]"
        self.found.setdefault(name, Row(name, element, count, stride))
        return name

    def _group(self, name: str, items: tuple[tuple[str, str], ...]) -> str:
        """Told apart by the numbers of what is in them: two classes may have one name."""
        name += "".join(f" {shape}" for _, shape in items if "." in shape)
        self.found.setdefault(name, Group(name, items))
        return name

    def _name(self, cls: Any) -> tuple[str, bool]:
        """The name of a class, and whether it is new: it is known before its parts are, which may refer to it."""
        known = self._names.get(cls)
        if known is not None:
            return known, False
        alike = [other for kind in KINDS for other in kind.__subclasses__() if other.__name__ == cls.__name__]
        number = alike.index(cls) + 1  # by declaration, not by the order in which a program reaches them
        self._names[cls] = name = cls.__name__ if number == 1 else f"{cls.__name__}.{number}"
        return name, True
