"""The way from a node of the tree to its rule, and from a value to the type that its place wants."""

from __future__ import annotations

import ast

from codegen.front.diagnostics import Wanted, declared_by, refuse
from codegen.front.function import FunctionLowering
from codegen.front.refusals import refused_expression, refused_statement
from codegen.front.registry import EXPRESSIONS, STATEMENTS
from codegen.front.types import (
    LITERAL,
    NEVER,
    NONE,
    STATIC,
    AddressType,
    BoolType,
    EnumType,
    IntType,
    OptionType,
    ResultType,
    StructType,
    TupleType,
    Type,
    quoted,
)  # fmt: skip
from codegen.front.values import Value, constant
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, PTR, VOID


def lower(f: FunctionLowering, node: ast.expr, expected: Type | None = None) -> Value:
    """The value of an expression. `expected` guides tuples, None and conditional arms; it does not convert."""
    rule = EXPRESSIONS.get(type(node))
    if rule is None:
        raise refused_expression(f, node)
    return rule(f, node, expected)


def lower_statement(f: FunctionLowering, node: ast.stmt) -> None:
    """Emits a statement, or refuses it."""
    rule = STATEMENTS.get(type(node))
    if rule is None:
        raise refused_statement(f, node)
    rule(f, node)


def lower_body(f: FunctionLowering, body: list[ast.stmt]) -> None:
    """Statements in order; behind a point that does not go on, nothing is looked at."""
    for node in body:
        if f.flow.dead:
            return
        with f.guard():
            lower_statement(f, node)


def typed(f: FunctionLowering, node: ast.expr, kind: Type, what: str | Wanted) -> Value:
    """An expression where a typed value is wanted: arguments, results, locals."""
    return coerce(f, lower(f, node, kind), kind, what)


def stored(f: FunctionLowering, node: ast.expr, kind: Type, what: str | Wanted) -> Value:
    """An expression where an untyped number is welcome too: cells in memory, comparisons, indexes."""
    return stored_value(f, lower(f, node, kind), kind, what)


def stored_value(f: FunctionLowering, value: Value, kind: Type, what: str | Wanted) -> Value:
    """The same of a value."""
    return adopt(value, kind, what) if value.type == LITERAL else coerce(f, value, kind, what)


def adopt(value: Value, kind: Type, what: str | Wanted = "", mask: bool = False) -> Value:
    """An untyped number beside, or stored as, this type. `mask`: beside `&`, where `~0xFFF` is meant bit by bit."""
    if not isinstance(kind, IntType | AddressType):
        message = f"an untyped number cannot stand for {quoted(kind)}"
        raise refuse(message, value.loc, *declared_by(what), help=conversion_help(kind))
    width = kind.ir.bits
    number = int(value.static)
    low, high = (-(1 << width - 1), (1 << width - 1) - 1) if kind.ir.signed else (0, (1 << width) - 1)
    if mask and number < 0 and (number < low or not kind.ir.signed):
        number += 1 << width
    if isinstance(kind, AddressType) and not mask:
        message = f"an untyped number cannot stand for {quoted(kind)}"
        raise refuse(message, value.loc, *declared_by(what), help=f"write `{kind}({number:#x})`")
    if not low <= number <= high:
        message = f"{number} does not fit in {quoted(kind)}"
        raise refuse(message, value.loc, *declared_by(what), help=f"{quoted(kind)} holds {low} to {high:#x}")
    return constant(kind, number, value.loc)


def certain(value: Value) -> Value:
    """An operand that is neither perhaps None nor perhaps an error."""
    if isinstance(value.type, OptionType):
        raise refuse(f"this is {quoted(value.type)}", value.loc, help="test it with `is None` first")
    if isinstance(value.type, ResultType):
        advice = f"test it with `isinstance(..., {value.type.error})` first"
        raise refuse(f"this is {quoted(value.type)}", value.loc, help=advice)
    return value


def coerce(f: FunctionLowering, value: Value, kind: Type, what: str | Wanted) -> Value:
    """The same value as this type: unchanged, or put into an option or a result. Nothing else is implicit."""
    if value.type == kind:
        return value
    if value.type == NEVER:
        return Value(kind, never(value, kind), value.loc)
    if isinstance(kind, OptionType):
        if value.type == NONE:
            return Value(kind, absent(kind, value.loc), value.loc)
        if value.type == kind.item:
            return Value(kind, present(kind, value), value.loc, on_stack=value.on_stack)
    if isinstance(kind, ResultType):
        if value.type == kind.item:
            items = (true(value.loc), value.code, ir.Undefined(kind.error.ir, value.loc))
            return Value(kind, ir.MakeAggregate(items, kind.ir, value.loc), value.loc)
        if value.type == kind.error:
            parts = (false(value.loc), ir.Undefined(kind.item.ir, value.loc), value.code)
            return Value(kind, ir.MakeAggregate(parts, kind.ir, value.loc), value.loc)
    if isinstance(kind, TupleType) and isinstance(value.type, TupleType) and len(kind.items) == len(value.type.items):
        return coerce_tuple(f, value, kind, what)
    raise mismatch(value, kind, what)


def coerce_tuple(f: FunctionLowering, value: Value, kind: TupleType, what: str | Wanted) -> Value:
    """Item by item: `(x, None)` is a tuple[u32, Timer | None]."""
    assert isinstance(value.type, TupleType)
    with f.collect() as steps:
        whole = f.once(value.code)
    items = []
    for index, (have, want) in enumerate(zip(value.type.items, kind.items, strict=True)):
        part = ir.Extract(whole, index, have.ir, value.loc)
        items.append(coerce(f, Value(have, part, value.loc), want, what).code)
    return f.sequence(steps, Value(kind, ir.MakeAggregate(tuple(items), kind.ir, value.loc), value.loc))


def mismatch(value: Value, kind: Type, what: str | Wanted) -> Exception:
    """The error for a value of the wrong type, with what to write instead."""
    have, place, labels = value.type, value.loc, declared_by(what)
    if have == LITERAL:
        message = f"{what} needs a typed value, this number has no type"
        return refuse(message, place, *labels, help=conversion_help(kind, str(value.static)))
    if have == STATIC:
        message = f"{what}: expected {quoted(kind)}, found {name_of(value.static)}, which is known only at build time"
        return refuse(message, place, *labels)
    if isinstance(have, OptionType) and have.item == kind:
        message = f"{what}: expected {quoted(kind)}, but this may be None"
        return refuse(message, place, *labels, help="test it with `is None` first")
    if isinstance(have, ResultType) and kind == have.item:
        message = f"{what}: expected {quoted(kind)}, but this may be the error {quoted(have.error)}"
        return refuse(message, place, *labels, help=f"test it with `isinstance(..., {have.error})` first")
    message = f"{what}: expected {quoted(kind)}, found {quoted(have)}"
    return refuse(message, place, *labels, help=conversion_between(have, kind))


def conversion_help(kind: Type, text: str = "...") -> str:
    """How to make an untyped number this type."""
    if isinstance(kind, OptionType | ResultType):
        kind = kind.item
    if isinstance(kind, IntType | AddressType):
        return f"write `{kind}({text})`"
    if isinstance(kind, BoolType):
        return "write True or False"
    if isinstance(kind, EnumType):
        return f"name a member: `{kind}.NAME`"
    return ""


def conversion_between(have: Type, want: Type) -> str:
    """The explicit conversion between two types, if there is one."""
    if isinstance(want, IntType) and isinstance(have, IntType | EnumType | AddressType | BoolType):
        narrow = isinstance(have, IntType) and have.ir.bits > want.ir.bits
        return f"write `{want}(...)`" + (f", or `{want}.trunc(...)` for the low bits" if narrow else "")
    if isinstance(want, AddressType) and isinstance(have, IntType) and have.name == "u64":
        return f"write `{want}(...)`"
    return ""


def common_conversion(left: Type, right: Type) -> str:
    """What to write for two operands that must have one type: the one that can lose nothing."""
    if isinstance(left, IntType) and isinstance(right, IntType) and left.ir.bits < right.ir.bits:
        return conversion_between(left, right)
    return conversion_between(right, left) or conversion_between(left, right)


def name_of(thing: object) -> str:
    """A build-time object in a sentence."""
    name = getattr(thing, "__name__", None)
    return f"`{name}`" if isinstance(name, str) else f"a {type(thing).__name__}"


def never(value: Value, kind: Type) -> ir.Expr:
    """A call that does not return, where a value is wanted."""
    steps = (ir.Evaluate(value.code, value.loc), ir.Unreachable(value.loc))
    return ir.Sequence(steps, ir.Undefined(kind.ir, value.loc), kind.ir, value.loc)


def absent(kind: OptionType, loc: ir.Loc) -> ir.Expr:
    """None as this option."""
    if kind.ir == PTR:
        return ir.Null(loc)
    return ir.MakeAggregate((false(loc), ir.Undefined(kind.item.ir, loc)), kind.ir, loc)


def present(kind: OptionType, value: Value) -> ir.Expr:
    """A value as this option."""
    if kind.ir == PTR:
        return value.code
    return ir.MakeAggregate((true(value.loc), value.code), kind.ir, value.loc)


def true(loc: ir.Loc) -> ir.Const:
    """The constant."""
    return ir.Const(BOOL, 1, loc)


def false(loc: ir.Loc) -> ir.Const:
    """The constant."""
    return ir.Const(BOOL, 0, loc)


def nothing(f: FunctionLowering, steps: list[ir.Stmt], loc: ir.Loc) -> Value:
    """The result of a form that only acts."""
    for step in steps:
        f.emit(step)
    return Value(NONE, None, loc)


def is_struct(value: Value) -> bool:
    """A reference that is certainly there."""
    return isinstance(value.type, StructType)


def has_value(value: Value) -> bool:
    """Whether there is something to hold in a register."""
    return value.expr is not None and value.expr.type != VOID
