"""Failed checks under CPython: the Trap exception, its kinds, and the switch of `unchecked=True` bodies."""

from __future__ import annotations

import enum
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
    return Trap(ASSERTION, place.tb_frame.f_code.co_filename, place.tb_lineno)


def named(value: Any) -> str:
    """What messages call a value or a class: its type's name."""
    return value.__name__ if isinstance(value, type) else "literal" if type(value) is int else type(value).__name__
