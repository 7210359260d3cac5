"""Cells of structs: what `Field[T]`, `Array[T]` and `Atomic[T]` are in a class body, on the class, and on a struct."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.lang import memory
from codegen.lang.checks import named
from codegen.lang.codecs import Codec, codec
from codegen.lang.declared import Misdeclared
from codegen.lang.ints import Integer, wrapped
from codegen.lang.model import FieldInfo
from codegen.lang.spans import position


@dataclass(frozen=True, slots=True)
class Place:
    """What `at` and `count` give. `offset` None: placed by the C rule."""

    offset: int | None
    count: int | None
    stride: int | None
    access: str


RO, WO, RW = "RO", "WO", "RW"


def at(offset: int, *, count: int | None = None, stride: int | None = None, access: str = RW) -> Any:
    """A cell `offset` bytes from the start, `count` elements every `stride` bytes; `access` (registers) RO, WO, RW."""
    if access not in (RO, WO, RW):
        raise Misdeclared(f"access is RO, WO or RW, not {access!r}")
    return Place(offset, count, stride, access)


def count(elements: int) -> Any:
    """An array of so many elements, placed by the C rule."""
    return Place(None, elements, None, RW)


@dataclass(frozen=True, slots=True)
class Annotated:
    """`Field[T]` and its like as an annotation: the cell's class, and T (perhaps a string)."""

    cell: Any
    inner: Any


class Cell:
    """A cell on its class: `S.x.offset`, `.size`, in arrays `.count` and `.stride`; `.info` tells all."""

    def __init__(self, info: FieldInfo, shift: int = 0) -> None:
        self.info = info
        self.offset = info.offset + shift
        self.size = info.size
        self.count = info.count
        self.stride = info.stride
        self._codec: Codec | None = None

    def prepare(self) -> Codec:
        """The codec, once forward references are defined."""
        self._codec = codec(self.info.type)
        return self._codec

    def __set__(self, instance: Any, value: Any) -> None:
        raise TypeError(f"{named(instance)}.{self.info.name} is not assigned as a whole")

    def __len__(self) -> int:
        return self.info.count

    def __repr__(self) -> str:
        return f"<{self.info.kind} {self.info.name} at {self.offset:#x}>"


class Field(Cell):
    """One value."""

    def __class_getitem__(cls, inner: Any) -> Any:
        return Annotated(cls, inner)

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return (self._codec or self.prepare()).read(instance._address + self.offset)

    def __set__(self, instance: Any, value: Any) -> None:
        (self._codec or self.prepare()).write(instance._address + self.offset, value)


class Embedded(Cell):
    """A struct inside a struct. On the class, `Outer.inner.x` is the cell x with its offset in Outer."""

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self.info.type._at(instance._address + self.offset)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        inner = getattr(self.info.type, name)
        if not isinstance(inner, Cell):
            raise AttributeError(name)
        return type(inner)(inner.info, self.offset + inner.offset - inner.info.offset)


class Array:
    """Elements in memory: `element` (type), `count`, `stride` in bytes. Every index is checked."""

    __slots__ = ("_address", "_codec", "count", "element", "stride")

    def __init__(self, address: int, element: Any, count: int, stride: int, codec: Codec | None) -> None:
        self._address = address
        self._codec = codec
        self.element = element
        self.count = count
        self.stride = stride

    def __class_getitem__(cls, inner: Any) -> Any:
        return Annotated(cls, inner)

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        raise TypeError("a condition is a bool, not an array")

    def __getitem__(self, index: Any, /) -> Any:
        where = self._address + position(index, self.count) * self.stride
        return self._codec.read(where) if self._codec is not None else self.element._at(where)

    def __setitem__(self, index: Any, value: Any, /) -> None:
        if self._codec is None:
            raise TypeError(f"an element of Array[{self.element.__name__}] is not assigned: use copy_from")
        self._codec.write(self._address + position(index, self.count) * self.stride, value)

    def __iter__(self) -> Iterator[Any]:
        """For build-time Python and tests; the language has no iteration over arrays."""
        return (self[index] for index in range(self.count))

    def __repr__(self) -> str:
        return f"<Array of {self.count} at {self._address:#x}>"


def element_codec(element: Any) -> Codec | None:
    """How an element is accessed; None for structs, which are elements themselves, not references."""
    return None if hasattr(element, "__layout__") else codec(element)


class ArrayCell(Cell):
    """An array inside a struct."""

    _ready = False

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        info = self.info
        if not self._ready:
            self._codec = element_codec(info.type)
            self._ready = True
        return Array(instance._address + self.offset, info.type, info.count, info.stride, self._codec)


class Atomic:
    """A value of 1 to 8 bytes that other processors see; every access is one indivisible step."""

    __slots__ = ("_address", "_codec")

    def __init__(self, address: int, codec: Codec) -> None:
        self._address = address
        self._codec = codec

    def __class_getitem__(cls, inner: Any) -> Any:
        return Annotated(cls, inner)

    def load(self) -> Any:
        return self._codec.read(self._address)

    def store(self, value: Any) -> None:
        self._codec.write(self._address, value)

    def store_release(self, value: Any) -> None:
        """A store that nothing written before passes; what is read after it may have been read before."""
        self._codec.write(self._address, value)

    def exchange(self, value: Any) -> Any:
        """Store; gives what was there. The cell holds the new value even where the old one is unknown and traps."""
        old = self._number()
        self._codec.write(self._address, value)
        return self._codec.value(old)

    def compare_exchange(self, expected: Any, new: Any) -> bool:
        """Store `new` if the cell holds `expected`; gives whether it did."""
        wanted = self._codec.number(expected)
        self._codec.number(new)
        same = self._number() == wanted
        if same:
            self._codec.write(self._address, new)
        return same

    def fetch_add(self, value: Any) -> Any:
        """Add, wrapping; gives what was there. So do the others below."""
        return self._update(value, lambda old, given: old + given)

    def fetch_sub(self, value: Any) -> Any:
        return self._update(value, lambda old, given: old - given)

    def fetch_or(self, value: Any) -> Any:
        return self._update(value, lambda old, given: old | given)

    def fetch_and(self, value: Any) -> Any:
        return self._update(value, lambda old, given: old & given)

    def _number(self) -> int:
        """What the cell holds, which need not be a value of the type."""
        return int(self._codec.format.unpack(memory.read(self._address, self._codec.size))[0])

    def _update(self, value: Any, combine: Any) -> Any:
        kind = self._codec.type
        if not (isinstance(kind, type) and issubclass(kind, Integer)):
            raise TypeError(f"arithmetic on an atomic {kind.__name__}")
        old = self._codec.read(self._address)
        self._codec.write(self._address, wrapped(kind, combine(int(old), self._codec.number(value))))
        return old


class AtomicCell(Cell):
    """An atomic inside a struct."""

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else Atomic(instance._address + self.offset, self._codec or self.prepare())


CELLS: dict[Any, tuple[str, type[Cell]]] = {
    Field: ("field", Field),
    Array: ("array", ArrayCell),
    Atomic: ("atomic", AtomicCell),
}
