"""Expressions without operands: constants, addresses of memory that has a name, locals."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.ir.nodes.location import Loc
from codegen.ir.types import PTR, Type


@dataclass(frozen=True, slots=True)
class Const:
    """An integer or truth value; `value` is in the type's range (negative for signed types)."""

    type: Type
    value: int
    loc: Loc


@dataclass(frozen=True, slots=True)
class Null:
    """The absent reference."""

    loc: Loc
    type: Type = PTR


@dataclass(frozen=True, slots=True)
class Undefined:
    """The payload of an option or result that holds nothing (printed as zeroinitializer)."""

    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Symbol:
    """Address of a `Data` (or, in stubs only, a function) of this name."""

    name: str
    loc: Loc
    type: Type = PTR


@dataclass(frozen=True, slots=True)
class Local:
    """A local variable or parameter; identity is `number`, unique in its function. `shape` names what debuggers show;
    temporaries have none.
    """

    number: int
    name: str
    type: Type
    loc: Loc
    shape: str = ""


@dataclass(frozen=True, slots=True)
class StackSlot:
    """Address of stack memory of this function; `number` is unique in its function. Not zeroed by itself."""

    number: int
    name: str
    size: int
    align: int
    loc: Loc
    type: Type = PTR
