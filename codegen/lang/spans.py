"""Spans under CPython: bytes in memory by address and length."""

from __future__ import annotations

from typing import Any

from codegen.lang import memory
from codegen.lang.addresses import Hva
from codegen.lang.checks import INDEX, LENGTH, SLICE, named, trap
from codegen.lang.ints import Integer, literal, make, u8, usize
from codegen.lang.statics import new_static


class Span:
    """An address and a length in bytes. Every access is checked."""

    __slots__ = ("_address", "_length")

    def __init__(self, address: int, length: int) -> None:
        self._address = address
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any, /) -> Any:
        return make(u8, memory.read(self._address + position(index, self._length), 1)[0])

    def __setitem__(self, index: Any, value: Any, /) -> None:
        where = self._address + position(index, self._length)
        store(where, bytes([byte(value)]))

    def __bool__(self) -> bool:
        raise TypeError("a condition is a bool, not Span: compare its length")

    def slice(self, offset: Any, length: Any) -> Span:
        """`length` bytes from `offset`. Traps when they are not all inside."""
        start, size = count(offset), count(length)
        if start + size > self._length:
            trap(SLICE)
        return Span(self._address + start, size)

    def view(self, offset: Any, kind: Any) -> Any:
        """The struct at `offset`, or None when it does not fit."""
        start = count(offset)
        return kind._at(self._address + start) if start + kind.__layout__.size <= self._length else None

    def copy_from(self, other: Any) -> None:
        """All bytes of a span of the same length; they may overlap. Traps when the lengths differ."""
        source = other if type(other) is Span else rodata(other)
        if source._length != self._length:
            trap(LENGTH)
        store(self._address, memory.read(source._address, source._length))

    def fill(self, value: Any) -> None:
        """Every byte to `value`."""
        store(self._address, bytes([byte(value)]) * self._length)

    def equals(self, other: Any) -> bool:
        """Same length and same bytes."""
        source = other if type(other) is Span else rodata(other)
        return bytes(self) == bytes(source)

    def address(self) -> Any:
        """Of the first byte."""
        return make(Hva, self._address)

    def __bytes__(self) -> bytes:
        return memory.read(self._address, self._length)

    def __format__(self, spec: str) -> str:
        return format(bytes(self).decode("utf-8", "surrogateescape"), spec)

    def __repr__(self) -> str:
        return f"Span({self._address:#x}, {self._length})"


_strings: dict[bytes, Span] = {}


def rodata(content: Any) -> Span:
    """The read-only span of a byte string; equal strings share it."""
    if type(content) is not bytes:
        raise TypeError(f"bytes expected, not {named(content)}")
    found = _strings.get(content)
    if found is None:
        static = new_static("bytes", u8, len(content), len(content), 1, "", False)
        memory.write(static.address, content)
        found = _strings[content] = Span(static.address, len(content))
    return found


def position(index: Any, length: int) -> int:
    """An index, checked: a literal or of any unsigned type."""
    number = count(index)
    if number >= length:
        trap(INDEX)
    return number


def count(value: Any) -> int:
    """The number of a literal or of any unsigned type."""
    kind = type(value)
    if kind is int and value >= 0 or issubclass(kind, Integer) and not kind.signed:
        return int(value)
    raise TypeError(f"an index, offset or length is of an unsigned type or a literal, not {named(value)}")


def byte(value: Any) -> int:
    """The number of a u8 or a literal that fits."""
    if type(value) is u8 or type(value) is int:
        return literal(u8, int(value))
    raise TypeError(f"u8 expected, not {named(value)}")


def store(address: int, data: bytes) -> None:
    """Write to memory that is not read-only."""
    refuse_constant(address)
    memory.write(address, data)


def refuse_constant(address: int) -> None:
    """TypeError for an address of a table or a byte string."""
    if memory.constants.start <= address < memory.constants.end:
        raise TypeError("tables and byte strings are read-only")


def length_of(span: Span) -> Any:
    """What `len(span)` gives: a usize."""
    return make(usize, span._length)
