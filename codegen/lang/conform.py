"""Does a CPython value have the type that an annotation names? Calls of compiled functions ask this."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any

from codegen.lang.checks import named
from codegen.lang.spans import Span, rodata

Admit = Callable[[Any], Any]
"""Gives the value back (bytes become a Span) or raises TypeError."""


def admits(kind: Any) -> tuple[type | None, Admit]:
    """A class whose exact instances pass at once (or None), and the test of everything else."""
    origin = typing.get_origin(kind)
    if origin is types.UnionType:
        tests = [admits(option) for option in typing.get_args(kind)]
        return None, lambda value: admitted_by_one(value, tests, kind)
    if origin is tuple:
        parts = [admits(part) for part in typing.get_args(kind)]
        return None, lambda value: admitted_tuple(value, parts, kind)
    if kind is None or kind is type(None):
        return types.NoneType, lambda value: refuse(value, "None")
    if kind is typing.Never or kind is typing.NoReturn:
        return None, lambda value: refuse(value, "Never")
    if kind is Span:
        return Span, lambda value: rodata(value) if type(value) is bytes else refuse(value, "Span")
    if isinstance(kind, type):
        return kind, lambda value: refuse(value, kind.__name__)
    raise TypeError(f"{kind!r} is no type of the language")


def refuse(value: Any, wanted: str) -> Any:
    raise TypeError(f"{wanted} expected, not {named(value)}")


def admitted_by_one(value: Any, tests: list[tuple[type | None, Admit]], kind: Any) -> Any:
    for exact, _ in tests:
        if type(value) is exact:
            return value
    return refuse(value, str(kind))


def admitted_tuple(value: Any, parts: list[tuple[type | None, Admit]], kind: Any) -> Any:
    if type(value) is not tuple or len(value) != len(parts):
        return refuse(value, str(kind))
    return tuple(
        item if type(item) is exact else admit(item) for item, (exact, admit) in zip(value, parts, strict=True)
    )
