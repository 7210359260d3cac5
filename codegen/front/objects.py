"""From the build-time objects of `codegen.lang` to the front end's types."""

from __future__ import annotations

import types
import typing
from typing import Any

from codegen.front.types import (
    ADDRESSES,
    BOOLEAN,
    INTEGERS,
    NEVER,
    NONE,
    SPAN_TYPE,
    TRAP_SITE,
    BitsType,
    BlockType,
    EnumType,
    IntType,
    OptionType,
    ResultType,
    StructType,
    TupleType,
    Type,
)  # fmt: skip
from codegen.lang.addresses import Address
from codegen.lang.blocks import PortBlock
from codegen.lang.enums import repr_of
from codegen.lang.forms import TrapSite
from codegen.lang.ints import Integer
from codegen.lang.spans import Span
from codegen.lang.structs import Struct


def type_of(thing: Any) -> Type | None:
    """The type that an annotation or class names; None when it names no type of the language."""
    if thing is None or thing is types.NoneType:
        return NONE
    if thing is typing.Never or thing is typing.NoReturn:
        return NEVER
    origin = typing.get_origin(thing)
    if origin in (types.UnionType, typing.Union):
        return union_of([type_of(part) for part in typing.get_args(thing)])
    if origin is tuple:
        items = [type_of(part) for part in typing.get_args(thing)]
        return None if None in items else TupleType(tuple(item for item in items if item is not None))
    return class_type(thing) if isinstance(thing, type) else None


def class_type(cls: type) -> Type | None:
    """The type of a class of the language."""
    if cls is bool:
        return BOOLEAN
    if cls is Span:
        return SPAN_TYPE
    if issubclass(cls, Integer):
        return INTEGERS.get(cls.__name__)
    if issubclass(cls, Address):
        return ADDRESSES.get(cls.__name__)
    if issubclass(cls, Struct) and "__layout__" in cls.__dict__:
        return StructType(cls)
    if "__bits__" in cls.__dict__:
        return BitsType(cls, integer(vars(cls)["__bits__"].repr))
    if "__registers__" in cls.__dict__:
        return BlockType(cls, issubclass(cls, PortBlock))
    if issubclass(cls, TrapSite):
        return TRAP_SITE
    if hasattr(cls, "__repr_type__"):
        return EnumType(cls, integer(repr_of(cls)))
    return None


def integer(cls: Any) -> IntType:
    """The integer type of a class like u32."""
    return INTEGERS[cls.__name__]


def union_of(parts: list[Type | None]) -> Type | None:
    """`T | None`, `T | E` or `E | None`."""
    if None in parts or len(parts) != 2:
        return None
    first, second = typing.cast(list[Type], parts)
    if NONE in (first, second):
        item = second if first == NONE else first
        return None if item == NONE or isinstance(item, OptionType | ResultType) else OptionType(item)
    if isinstance(second, EnumType):
        return ResultType(first, second)
    if isinstance(first, EnumType):
        return ResultType(second, first)
    return None
