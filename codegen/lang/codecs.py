"""Values in memory: how each type of a cell is read, written, and turned into its number."""

from __future__ import annotations

import functools
import struct
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.lang import memory
from codegen.lang.addresses import Address
from codegen.lang.bits import BitStruct
from codegen.lang.checks import named
from codegen.lang.enums import HwEnum, member_of
from codegen.lang.ints import Integer, literal, make
from codegen.lang.spans import refuse_constant

REFERENCE_SIZE = 8
_FORMATS = {(8, False): "<B", (16, False): "<H", (32, False): "<I", (64, False): "<Q"}
_FORMATS |= {(8, True): "<b", (16, True): "<h", (32, True): "<i", (64, True): "<q"}


@dataclass(frozen=True, slots=True)
class Codec:
    """`size` in bytes, which is also the alignment. `value(number)` and `number(value)` convert (TypeError for a value
    of another type); `read(address)` and `write(address, value)` access memory at real addresses.
    """

    type: Any
    size: int
    format: struct.Struct
    value: Callable[[int], Any]
    number: Callable[[Any], int]
    read: Callable[[int], Any]
    write: Callable[[int, Any], None]


@functools.cache
def codec(kind: Any) -> Codec:
    """Of an integer, bool, address, enum, bit struct, struct class (a reference) or `S | None`; else TypeError."""
    if kind is bool:
        return build(kind, "<B", lambda number: number != 0, lambda value: int(exact(bool, value)))
    if isinstance(kind, type):
        if issubclass(kind, Integer):
            return integer(kind)
        if issubclass(kind, Address):
            return build(kind, "<Q", lambda n: make(kind, n), lambda value: exact(kind, value)._value)
        if issubclass(kind, HwEnum):
            held = kind.__repr_type__  # type: ignore[attr-defined]
            form = _FORMATS[held.bits, held.signed]
            return build(kind, form, lambda n: member_of(kind, n), lambda value: exact(kind, value).value)
        if issubclass(kind, BitStruct):
            form = _FORMATS[kind.__bits__.repr.bits, False]
            return build(kind, form, lambda n: make(kind, n), lambda value: exact(kind, value)._value)
        if hasattr(kind, "__layout__"):
            return build(kind, "<Q", struct_at(kind), lambda value: exact(kind, value)._address)
    target = nullable(kind)
    if target is not None:
        return build(kind, "<Q", lambda n: target._at(n) if n else None, lambda value: reference(target, value))
    raise TypeError(f"{named(kind) if isinstance(kind, type) else kind} does not stand in memory")


def nullable(kind: Any) -> Any:
    """The struct class S of `S | None`, else None."""
    arguments = typing.get_args(kind)
    if isinstance(kind, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        target = arguments[0] if arguments[1] is types.NoneType else arguments[1]
        if hasattr(target, "__layout__"):
            return target
    return None


def integer(kind: Any) -> Codec:
    """Integer cells also take literals that fit."""

    def number(value: Any) -> int:
        if type(value) is int:
            return literal(kind, value)
        return int(exact(kind, value))

    return build(kind, _FORMATS[kind.bits, kind.signed], lambda n: make(kind, n), number)


def build(kind: Any, form: str, value: Callable[[int], Any], number: Callable[[Any], int]) -> Codec:
    """The accessors around a conversion."""
    packer = struct.Struct(form)
    unpack, pack, buffer, base = packer.unpack_from, packer.pack_into, memory.buffer, memory.base
    last = memory.ARENA_SIZE - packer.size

    def read(address: int) -> Any:
        offset = address - base
        if not 0 <= offset <= last:
            memory.offset_of(address, packer.size)
        return value(unpack(buffer, offset)[0])

    def write(address: int, new: Any) -> None:
        plain = number(new)
        offset = address - base
        if not 0 <= offset <= last:
            memory.offset_of(address, packer.size)
        refuse_constant(address)
        pack(buffer, offset, plain)

    return Codec(kind, packer.size, packer, value, number, read, write)


def struct_at(kind: Any) -> Callable[[int], Any]:
    """What makes the view of an address."""
    return kind._at  # type: ignore[no-any-return]


def exact(kind: type, value: Any) -> Any:
    """`value`, which is of exactly this class."""
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, not {named(value)}")
    return value


def reference(target: Any, value: Any) -> int:
    """The number of a nullable reference."""
    return 0 if value is None else int(exact(target, value)._address)
