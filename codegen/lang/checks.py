"""Failed checks under CPython: the Trap exception, its kinds, and the switch of `unchecked=True` bodies."""

from __future__ import annotations

import ast
import enum
import functools
import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any, NoReturn

OVERFLOW = {op: f"overflow in {op}" for op in ("+", "-", "*")}
DIVISION = "division by zero"
SHIFT = "shift amount out of range"
FIT = "value does not fit"
INDEX = "index out of range"
ASSERTION = "assertion failed"
UNKNOWN = "unknown value"
SLICE = "slice out of range"
LENGTH = "lengths differ"

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ENUM = enum.__file__


class Trap(Exception):
    """A check failed at `file`:`line`; an image calls its exported `trap`. `kind` is one of the above."""

    def __init__(self, kind: str, file: str, line: int) -> None:
        super().__init__(kind, file, line)
        self.kind = kind
        self.file = file
        self.line = line

    def __str__(self) -> str:
        return f"{self.kind} at {self.file}:{self.line}"


class State:
    """`unchecked` is true while the innermost running `@fn` is one without arithmetic checks. `places`: where this call
    of it keeps each `Local`, by its place in the code and its class; None outside all.
    """

    __slots__ = ("places", "unchecked")

    def __init__(self) -> None:
        self.unchecked = False
        self.places: dict[tuple[CodeType, int, type], int] | None = None


state = State()


def trap(kind: str) -> NoReturn:
    """Raise Trap at the innermost line that is not the language's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename.startswith(_OURS) or frame.f_code.co_filename == _ENUM):
        frame = frame.f_back
    if frame is None:
        raise Trap(kind, "", 0)
    raise Trap(kind, frame.f_code.co_filename, frame.f_lineno) from None


def assertion_trap(error: AssertionError) -> Trap:
    """The trap of an `assert` that failed in a compiled body."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None:
        return Trap(ASSERTION, "", 0)
    file = place.tb_frame.f_code.co_filename
    return Trap(ASSERTION, file, statement_line(file, place.tb_lineno))


def statement_line(file: str, line: int) -> int:
    """Where the `assert` that holds a line begins: CPython tells the line of the condition that it tested last."""
    starts = (first for first, last in assertions(file) if first <= line <= last)
    return next(starts, line)


@functools.cache
def assertions(file: str) -> tuple[tuple[int, int], ...]:
    """First and last line of each `assert` of a file that is written over several."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)), file)
    except SyntaxError:  # no file of Python
        return ()
    found = ((node.lineno, node.end_lineno or 0) for node in ast.walk(tree) if isinstance(node, ast.Assert))
    return tuple((first, last) for first, last in found if last > first)


def named(value: Any) -> str:
    """What messages call a value or a class: its type's name."""
    return value.__name__ if isinstance(value, type) else "literal" if type(value) is int else type(value).__name__
