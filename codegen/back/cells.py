"""Values of the language as 64-bit cells and back: how arguments and results cross between CPython and native code."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

from codegen.lang.bits import BitStruct
from codegen.lang.blocks import Block, placed
from codegen.lang.enums import HwEnum, member_of, repr_of
from codegen.lang.ints import make
from codegen.lang.spans import Span, rodata

MASK = (1 << 64) - 1


def cell_count(kind: Any) -> int:
    """How many cells a value of this type takes."""
    shape = _union(kind)
    if shape is not None:
        item, error = shape
        if error is None and hasattr(item, "__layout__"):
            return 1
        return 1 + cell_count(item) + (1 if error is not None else 0)
    if typing.get_origin(kind) is tuple:
        return sum(cell_count(part) for part in typing.get_args(kind))
    if kind is None or kind is typing.Never or kind is typing.NoReturn:
        return 0
    return 2 if kind is Span else 1


def to_cells(kind: Any, value: Any) -> list[int]:
    """The cells of a value. TypeError when it is not of that type; plain integers are taken as they are."""
    shape = _union(kind)
    if shape is not None:
        return _union_cells(kind, shape, value)
    if typing.get_origin(kind) is tuple:
        parts = typing.get_args(kind)
        return [cell for part, item in zip(parts, value, strict=True) for cell in to_cells(part, item)]
    if kind is None:
        return []
    if kind is Span:
        span = rodata(value) if type(value) is bytes else value
        return [span._address, span._length]
    if kind is bool:
        return [int(value)]
    if not isinstance(value, kind) and type(value) is not int:
        raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
    return [_number(value) & MASK]


def _number(value: Any) -> int:
    if isinstance(value, HwEnum):
        return int(value.value)
    if isinstance(value, BitStruct):
        return int(value._value)  # type: ignore[attr-defined]
    if isinstance(value, Block):
        return value._base
    return int(value._address) if hasattr(type(value), "__layout__") else int(value)


def _union_cells(kind: Any, shape: tuple[Any, Any], value: Any) -> list[int]:
    item, error = shape
    if error is None and hasattr(item, "__layout__"):
        return [0 if value is None else value._address]
    absent = [0] * cell_count(item)
    if error is None:
        return [0, *absent] if value is None else [1, *to_cells(item, value)]
    if isinstance(value, error):
        return [0, *absent, *to_cells(error, value)]
    return [1, *to_cells(item, value), 0]


def from_cells(kind: Any, cells: Iterator[int]) -> Any:
    """The value that the next cells hold."""
    shape = _union(kind)
    if shape is not None:
        return _union_value(shape, cells)
    if typing.get_origin(kind) is tuple:
        return tuple(from_cells(part, cells) for part in typing.get_args(kind))
    if kind is None or kind is typing.Never or kind is typing.NoReturn:
        return None
    number = next(cells)
    if kind is bool:
        return bool(number & 1)
    if kind is Span:
        return Span(number, next(cells))
    if hasattr(kind, "__layout__"):
        return kind._at(number)
    if issubclass(kind, Block):
        return placed(kind, number)
    if issubclass(kind, HwEnum):
        return member_of(kind, _narrow(repr_of(kind), number))
    if issubclass(kind, BitStruct):
        return make(kind, _narrow(kind.__bits__.repr, number))
    return make(kind, _narrow(kind, number))


def _narrow(kind: Any, number: int) -> int:
    """The low bits of a cell as the number of an integer type."""
    number &= int(kind.mask)
    return number - kind.mask - 1 if number > kind.high else number


def _union_value(shape: tuple[Any, Any], cells: Iterator[int]) -> Any:
    item, error = shape
    if error is None and hasattr(item, "__layout__"):
        address = next(cells)
        return item._at(address) if address else None
    present = next(cells) & 1
    content = [next(cells) for _ in range(cell_count(item))]
    failure = next(cells) if error is not None else 0
    if present:
        return from_cells(item, iter(content))
    return None if error is None else from_cells(error, iter([failure]))


def _union(kind: Any) -> tuple[Any, Any] | None:
    """(T, None) of `T | None`, (T, E) of `T | E`, None of everything else."""
    if not isinstance(kind, types.UnionType) and typing.get_origin(kind) is not typing.Union:
        return None
    first, second = typing.get_args(kind)
    if types.NoneType in (first, second):
        return (second if first is types.NoneType else first), None
    return (first, second) if isinstance(second, type) and issubclass(second, HwEnum) else (second, first)
