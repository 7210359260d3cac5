"""Structs: layouts in memory, placed and checked when the class statement runs; an instance is a view of an address."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from codegen.lang import memory
from codegen.lang.annotations import Scope, written
from codegen.lang.bits import Slotted
from codegen.lang.cells import CELLS, Annotated, Array, Cell, Embedded, Place
from codegen.lang.checks import named
from codegen.lang.codecs import REFERENCE_SIZE, codec
from codegen.lang.declared import Misdeclared
from codegen.lang.model import FieldInfo, Layout, LazyType
from codegen.lang.spans import store

_GENERIC = re.compile(r"\s*([A-Za-z_][\w.]*)\s*\[(.*)\]\s*", re.DOTALL)


class Struct(metaclass=Slotted):
    """`class S(Struct, size=…, align=…, shared=…)`. `S.__layout__` describes it. Two views of one address are one."""

    __slots__ = ("_address",)
    __layout__: ClassVar[Layout]
    _views: ClassVar[dict[int, Any]]
    _address: int

    def __init_subclass__(cls, *, size: int | None = None, align: int | None = None, shared: bool = False) -> None:
        if cls.__bases__ != (Struct,):
            raise Misdeclared(f"{cls.__name__}: layouts do not inherit", help="hold the other one as a field")
        cls._views = {}
        cls.__layout__ = lay_out(cls, Scope(2), size, align, shared)

    def __new__(cls) -> Any:
        raise TypeError(f"a {cls.__name__} lies in memory: storage({cls.__name__}), Local({cls.__name__}) or phys")

    @classmethod
    def _at(cls, address: int) -> Any:
        """The view of a real address, which must be the host's own."""
        view = cls._views.get(address)
        if view is None:
            memory.offset_of(address, cls.__layout__.size)
            view = cls._views[address] = object.__new__(cls)
            view._address = address
        return view

    def copy_from(self, other: Any) -> None:
        """All bytes of another struct of the same class."""
        if type(other) is not type(self):
            raise TypeError(f"{named(self)}.copy_from takes {named(self)}, not {named(other)}")
        store(self._address, memory.read(other._address, type(self).__layout__.size))

    def zero(self) -> None:
        """All bytes to 0."""
        store(self._address, bytes(type(self).__layout__.size))

    def __bool__(self) -> bool:
        raise TypeError(f"a condition is a bool, not {named(self)}: write `is not None`")

    def __repr__(self) -> str:
        return f"<{named(self)} at {self._address:#x}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"{named(self)} is a place in memory and cannot be copied")


def lay_out(cls: type, scope: Scope, size: int | None, align: int | None, shared: bool) -> Layout:
    """Place every cell, put its descriptor on the class. TypeError for overlap, misalignment or a wrong size."""
    fields: dict[str, FieldInfo] = {}
    explicit: bool | None = None
    end = 0
    widest = 1
    for name, annotation in written(cls).items():
        where = f"{cls.__name__}.{name}"
        if name.startswith("__"):
            raise Misdeclared(f"{where} is no name for a field", member=name)
        place = cls.__dict__.get(name, Place(None, None, None, "RW"))
        if type(place) is not Place:
            raise Misdeclared(
                f"{where} = {place!r}: a cell is placed by at(offset) or by the C rule",
                member=name,
                part="place",
                help="write `at(offset)`, or nothing",
            )
        if explicit not in (None, place.offset is not None):
            raise Misdeclared(
                f"{where}: a layout places either every cell with at(…) or none", member=name, other=next(iter(fields))
            )
        explicit = place.offset is not None
        kind, lazy, element_size, natural, descriptor = describe(where, name, cls, scope, annotation)
        required = natural if align is None else min(natural, align)
        widest = max(widest, required)
        offset = place.offset if place.offset is not None else (end + required - 1) & -required
        if offset < 0 or offset % required:
            raise Misdeclared(
                f"{where} at {offset:#x} is not aligned to {required} bytes",
                member=name,
                part="place",
                help="`align=1` on the class allows unaligned cells",
            )
        count, stride, total = extent(where, name, kind, place, element_size, required)
        info = FieldInfo(name, offset, kind, lazy, count, stride, total)
        for other in fields.values():
            if offset < other.offset + other.size and other.offset < offset + total:
                raise Misdeclared(
                    f"{where} at {offset:#x} overlaps {other.name} at {other.offset:#x}",
                    member=name,
                    part="place",
                    other=other.name,
                )
        fields[name] = info
        end = max(end, offset + total)
        setattr(cls, name, descriptor(info))
    alignment = widest if align is None else align
    if alignment & (alignment - 1) or alignment < 1:
        raise Misdeclared(f"{cls.__name__}: align={alignment} is no power of two")
    if size is None:
        size = (end + alignment - 1) & -alignment
    if size < end or size % alignment or size == 0:
        raise Misdeclared(f"{cls.__name__}: size {size} does not hold {end} bytes aligned to {alignment}")
    return Layout(cls.__name__, size, alignment, shared, fields)


def describe(
    where: str, name: str, cls: type, scope: Scope, annotation: Any
) -> tuple[Any, LazyType, int, int, type[Cell]]:
    """Of one annotation: kind, type, size and natural alignment of a value (or element), and the descriptor's class."""
    own = {cls.__name__: cls}
    generic = _GENERIC.fullmatch(annotation) if isinstance(annotation, str) else None
    if generic is not None:
        outer = scope.evaluate(generic[1], own)
        shape = Annotated(outer, generic[2]) if outer in CELLS else scope.evaluate(annotation, own)
    else:
        shape = scope.evaluate(annotation, own)
    if isinstance(shape, type) and issubclass(shape, Struct) and shape is not cls:
        layout = shape.__layout__
        return "embedded", LazyType(lambda: shape), layout.size, layout.align, Embedded
    if not isinstance(shape, Annotated):
        raise Misdeclared(
            f"{where}: {shown(annotation)} is no cell: write Field[…], Array[…], Atomic[…] or a struct's name",
            member=name,
            part="type",
        )
    kind, descriptor = CELLS[shape.cell]
    inner = shape.inner
    lazy = LazyType(lambda: scope.evaluate(inner, own))
    try:
        found = lazy.get()
    except NameError:
        # Not defined yet: it can only be a struct, and only a reference to it.
        if shape.cell is Array and "None" not in str(inner):
            raise Misdeclared(f"{where}: the element's class stands further down", member=name, part="type") from None
        return kind, lazy, REFERENCE_SIZE, REFERENCE_SIZE, descriptor
    if shape.cell is Array and isinstance(found, type) and issubclass(found, Struct):
        if found is cls:
            raise Misdeclared(
                f"{where}: a struct does not hold itself",
                member=name,
                part="type",
                help=f'`Array["{cls.__name__} | None"]` holds references',
            )
        return kind, lazy, found.__layout__.size, found.__layout__.align, descriptor
    if isinstance(found, type) and issubclass(found, Struct):
        return kind, lazy, REFERENCE_SIZE, REFERENCE_SIZE, descriptor
    try:
        cell_size = reference_or_scalar_size(found, own)
    except TypeError as error:
        raise Misdeclared(f"{where}: {error}", member=name, part="type") from None
    return kind, lazy, cell_size, cell_size, descriptor


def shown(annotation: Any) -> str:
    """An annotation in a sentence."""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", repr(annotation))


def reference_or_scalar_size(found: Any, own: dict[str, Any]) -> int:
    """In bytes. The class under construction has no layout yet, but a reference to it has a size."""
    (cls,) = own.values()
    if getattr(found, "__args__", None) in ((cls, type(None)), (type(None), cls)):
        return REFERENCE_SIZE
    return codec(found).size


def extent(where: str, name: str, kind: str, place: Place, element_size: int, required: int) -> tuple[int, int, int]:
    """Count, stride and size in bytes of a cell."""
    if kind != "array":
        if place.count is not None:
            raise Misdeclared(f"{where}: count belongs to Array[…]", member=name, part="place")
        return 1, element_size, element_size
    if place.count is None or place.count < 1:
        raise Misdeclared(
            f"{where}: an array has a count of 1 or more", member=name, part="place", help="write `at(offset, count=n)`"
        )
    stride = place.stride if place.stride is not None else element_size
    if stride < element_size or stride % required:
        raise Misdeclared(
            f"{where}: stride {stride} does not hold elements of {element_size} bytes", member=name, part="place"
        )
    return place.count, stride, stride * (place.count - 1) + element_size
