"""Static memory that modules declare: zeroed structs and pools, read-only tables, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from codegen.lang import memory
from codegen.lang.cells import Array, element_codec
from codegen.lang.checks import named
from codegen.lang.codecs import REFERENCE_SIZE, codec, nullable
from codegen.lang.declared import Misdeclared
from codegen.lang.model import FieldInfo, Layout
from codegen.lang.statics import Static, new_static, static_at


def storage(kind: Any, *, section: str = "") -> Any:
    """A zeroed struct in static memory."""
    if not hasattr(kind, "__layout__"):
        raise Misdeclared(f"storage takes a Struct, not {named(kind)}")
    layout: Layout = kind.__layout__
    static = new_static("storage", kind, 1, layout.size, layout.align, section, layout.shared)
    return kind._at(static.address)


def storage_array(element: Any, count: int, *, section: str = "") -> Any:
    """`count` zeroed elements in static memory."""
    size, align, shared = shape(element)
    static = new_static("array", element, count, size * count, align, section, shared)
    return Array(static.address, element, count, size, element_codec(element))


def table(element: Any, values: Iterable[Any], *, section: str = "") -> Any:
    """Read-only elements: literals or typed values, and for structs what `init` gives."""
    size, align, shared = shape(element)
    content = b"".join(encoded(element, value) for value in values)
    static = new_static("table", element, len(content) // size, len(content), align, section, shared)
    memory.write(static.address, content)
    references(static)
    return Array(static.address, element, static.count, size, element_codec(element))


class Initial:
    """A struct's value in a table: its class, and values by field name. What is not named is 0."""

    __slots__ = ("kind", "values")

    def __init__(self, kind: Any, values: dict[str, Any]) -> None:
        self.kind = kind
        self.values = values


def init(kind: Any, /, **values: Any) -> Any:
    """An element of a table of structs; an embedded struct is an `init` too, an array a list."""
    for name in values:
        if name not in kind.__layout__.fields:
            raise Misdeclared(f"{kind.__name__} has no field {name}")
    return Initial(kind, values)


def shape(element: Any) -> tuple[int, int, bool]:
    """Size, alignment and sharedness of an element."""
    layout: Layout | None = getattr(element, "__layout__", None)
    if layout is not None:
        return layout.size, layout.align, layout.shared
    size = codec(element).size
    return size, size, False


def encoded(element: Any, value: Any) -> bytes:
    """The bytes of an element."""
    layout: Layout | None = getattr(element, "__layout__", None)
    if layout is None:
        scalar = codec(element)
        return scalar.format.pack(scalar.number(value))
    if type(value) is not Initial or value.kind is not element:
        raise Misdeclared(f"init({element.__name__}, …) expected, not {named(value)}")
    content = bytearray(layout.size)
    for name, given in value.values.items():
        field = layout.fields[name]
        try:
            data = encoded_field(field, given)
        except TypeError as error:
            raise Misdeclared(f"{element.__name__}.{name}: {error}") from None
        content[field.offset : field.offset + len(data)] = data
    return bytes(content)


def encoded_field(field: FieldInfo, value: Any) -> bytes:
    """The bytes of one cell of a struct."""
    if field.kind == "embedded":
        return encoded(field.type, value)
    if field.kind == "array":
        items = list(value)
        if len(items) > field.count:
            raise TypeError(f"{len(items)} elements for {field.count}")
        return b"".join(encoded(field.type, item).ljust(field.stride, b"\0") for item in items)[: field.size]
    scalar = codec(field.type)
    return scalar.format.pack(scalar.number(value))


def references(static: Static) -> list[tuple[int, Static, int]]:
    """Where a table refers to static memory: offset in the table, what is referred to, and the offset in that."""
    if not static.constant:
        return []
    found = []
    size = shape(static.element)[0]
    for offset in (
        index * size + inner for index in range(static.count) for inner in reference_offsets(static.element)
    ):
        address = int.from_bytes(memory.read(static.address + offset, REFERENCE_SIZE), "little")
        if address == 0:
            continue
        target = static_at(address)
        if target is None:
            raise Misdeclared(
                "a table refers to a struct that lies in no static memory",
                help="declare it with `storage(...)`",
            )
        found.append((offset, *target))
    return found


def reference_offsets(element: Any) -> Iterator[int]:
    """Where references stand in an element."""
    layout: Layout | None = getattr(element, "__layout__", None)
    if layout is None:
        if nullable(element) is not None:
            yield 0
        return
    for field in layout.fields.values():
        kind = field.type
        if field.kind == "field" and hasattr(kind, "__layout__"):
            yield field.offset
        elif field.kind != "field" and hasattr(kind, "__layout__") or nullable(kind) is not None:
            for index in range(field.count):
                yield from (field.offset + index * field.stride + inner for inner in reference_offsets(kind))
