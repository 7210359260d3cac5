"""The value of a lowered expression: its source type, the IR that computes it, and its build-time value if any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from codegen.front.types import LITERAL, STATIC, Type
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, Int
from codegen.ir.types import Type as IrType


class Absent:
    """No build-time value (None is one)."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Value:
    """`expr` is None for what no machine holds (untyped numbers, build-time objects, None). `on_stack`: a `Local(T)`.
    `gs`: this processor's data, whose cells are reached through GS.
    """

    type: Type
    expr: ir.Expr | None
    loc: ir.Loc
    static: Any = ABSENT
    on_stack: bool = False
    gs: bool = False

    @property
    def code(self) -> ir.Expr:
        """The IR; asking for it of a build-time object is a bug of the front end."""
        assert self.expr is not None, f"{self.type} has no code"
        return self.expr

    @property
    def is_static(self) -> bool:
        return self.static is not ABSENT

    def at(self, loc: ir.Loc) -> Value:
        """The same value, written elsewhere."""
        return replace(self, loc=loc)


def literal(number: int, loc: ir.Loc) -> Value:
    """An untyped integer."""
    return Value(LITERAL, None, loc, number)


def build_time(thing: Any, loc: ir.Loc) -> Value:
    """A build-time object."""
    return Value(STATIC, None, loc, thing)


def constant(kind: Type, number: int, loc: ir.Loc, static: Any = ABSENT) -> Value:
    """A typed constant; `number` is in range."""
    return Value(kind, ir.Const(kind.ir, number, loc), loc, static)


def number(value: int, kind: IrType, loc: ir.Loc) -> ir.Const:
    """An IR constant."""
    assert isinstance(kind, Int) or kind == BOOL
    return ir.Const(kind, value, loc)


def is_stable(expression: ir.Expr) -> bool:
    """Whether it can be computed later, or twice, with the same result and no effect."""
    while isinstance(expression, ir.Offset | ir.Extract):
        expression = expression.base if isinstance(expression, ir.Offset) else expression.value
    if isinstance(expression, ir.MakeAggregate):
        return all(map(is_stable, expression.items))
    return isinstance(expression, ir.Const | ir.Null | ir.Undefined | ir.Symbol | ir.Local | ir.StackSlot)
