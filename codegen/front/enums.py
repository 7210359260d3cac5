"""Enumerations: numbers into members, checked."""

from __future__ import annotations

import ast

from codegen.front.function import FunctionLowering
from codegen.front.lowering import absent, present, stored
from codegen.front.structs import exactly
from codegen.front.types import EnumType, OptionType
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL

UNKNOWN = "unknown value"


def numbers(kind: EnumType) -> list[int]:
    """Of all members, sorted; aliases once."""
    return sorted({int(member.value) for member in kind.cls.__members__.values()})


def known(number: ir.Expr, kind: EnumType, loc: ir.Loc) -> ir.Expr | None:
    """Whether a stable number is a member's, by ranges; None when every number is."""
    values = numbers(kind)
    runs: list[tuple[int, int]] = []
    for value in values:
        if runs and runs[-1][1] + 1 == value:
            runs[-1] = (runs[-1][0], value)
        else:
            runs.append((value, value))
    if runs == [(kind.repr.low, kind.repr.high)]:
        return None
    test: ir.Expr = ir.Const(BOOL, 0, loc)
    for position, (low, high) in enumerate(runs):
        piece = in_run(number, kind, low, high, loc)
        test = piece if position == 0 else ir.Logic("or", test, piece, loc)
    return test


def in_run(number: ir.Expr, kind: EnumType, low: int, high: int, loc: ir.Loc) -> ir.Expr:
    """Whether low <= number <= high."""
    if low == high:
        return ir.Compare("eq", number, ir.Const(kind.ir, low, loc), loc)
    upper = ir.Compare("le", number, ir.Const(kind.ir, high, loc), loc)
    if low == kind.repr.low:
        return upper
    return ir.Logic("and", ir.Compare("ge", number, ir.Const(kind.ir, low, loc), loc), upper, loc)


def checked_member(f: FunctionLowering, number: ir.Expr, kind: EnumType, loc: ir.Loc) -> ir.Expr:
    """The number, after a check that it is a member's."""
    if isinstance(number, ir.Const) and number.value in numbers(kind):
        return number
    with f.collect() as steps:
        stable = f.once(number)
        test = known(stable, kind, loc)
        if test is not None:
            f.emit(ir.If(ir.Unary("not", test, BOOL, loc), (ir.Trap(UNKNOWN, loc),), (), loc))
    return ir.Sequence(tuple(steps), stable, kind.ir, loc) if test is not None else number


def checked(f: FunctionLowering, kind: EnumType, node: ast.Call) -> Value:
    """`E.checked(x)`: traps on an unknown value."""
    number = stored(f, exactly(f, node, 1)[0], kind.repr, f"the argument of {kind}.checked")
    return Value(kind, checked_member(f, number.code, kind, f.loc(node)), f.loc(node))


def find(f: FunctionLowering, kind: EnumType, node: ast.Call) -> Value:
    """`E.find(x) -> E | None`."""
    number = stored(f, exactly(f, node, 1)[0], kind.repr, f"the argument of {kind}.find")
    loc, option = f.loc(node), OptionType(kind)
    with f.collect() as steps:
        stable = f.once(number.code)
    member = Value(kind, stable, loc)
    test = known(stable, kind, loc)
    found = present(option, member)
    if test is not None:
        found = ir.Choose(test, found, absent(option, loc), option.ir, loc)
    return f.sequence(steps, Value(option, found, loc))
