"""`len`, `range`, `min` and `max` with the language's types: import them over Python's own."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

from codegen.lang.checks import named
from codegen.lang.ints import Integer, literal, make, usize
from codegen.lang.spans import Span, length_of


def len(value: Any, /) -> Any:
    """Of a span a usize; of an array, tuple or bytes a literal."""
    return length_of(value) if type(value) is Span else builtins.len(value)


def range(start: Any, stop: Any = None, step: Any = 1, /) -> Iterator[Any]:
    """From `start` (0) up to but not including `stop`; of the type of the typed end, or usize. `step` is a literal.

    The last step never traps, even where it would leave the type.
    """
    if stop is None:
        start, stop = 0, start
    kind = common("range", usize, start, stop)
    if type(step) is not int or step < 1:
        raise TypeError(f"the step of a range is a literal of 1 or more, not {step!r}")
    return (make(kind, number) for number in builtins.range(int(start), int(stop), step))


def min(left: Any, right: Any, /) -> Any:
    """The smaller of two of one type, or of one and a literal."""
    kind = common("min", None, left, right)
    return typed(kind, builtins.min(int(left), int(right)))


def max(left: Any, right: Any, /) -> Any:
    """The larger of two of one type, or of one and a literal."""
    kind = common("max", None, left, right)
    return typed(kind, builtins.max(int(left), int(right)))


def common(name: str, default: Any, left: Any, right: Any) -> Any:
    """The one integer type of two numbers; `default` when both are literals."""
    kinds = {type(value) for value in (left, right)} - {int}
    if builtins.len(kinds) > 1 or not all(issubclass(kind, Integer) for kind in kinds):
        raise TypeError(f"{name} of {named(left)} and {named(right)}")
    kind = kinds.pop() if kinds else default
    for value in (left, right):
        if kind is not None and type(value) is int:
            literal(kind, value)
    return kind


def typed(kind: Any, number: int) -> Any:
    """The number in the type; a literal stays one."""
    return number if kind is None else make(kind, number)
