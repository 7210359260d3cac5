"""Text sinks: an f-string becomes calls of the sink's functions, piece by piece."""

from __future__ import annotations

import ast
import re

from codegen.front.diagnostics import Label, refuse
from codegen.front.function import FunctionLowering
from codegen.front.integers import converted
from codegen.front.lowering import lower
from codegen.front.structs import exactly
from codegen.front.types import (
    I64T,
    LITERAL,
    NEVER,
    NONE,
    STATIC,
    U64T,
    AddressType,
    BitsType,
    BoolType,
    EnumType,
    IntType,
    SpanType,
    quoted,
)  # fmt: skip
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import U32, U64
from codegen.lang.routines import Routine
from codegen.lang.spans import rodata
from codegen.lang.text import TextSink

FORMAT = re.compile(r"(#?)(0?)(\d*)([dx]?)")
ZERO_PADDED, PREFIXED = 1, 2


def write_text(f: FunctionLowering, sink: TextSink, node: ast.Call) -> Value:
    """`log(f"...")`: all values are computed first, as Python does, then written between begin and end."""
    argument = exactly(f, node, 1)[0]
    loc = f.loc(node)
    if isinstance(argument, ast.JoinedStr):
        parts: list[ast.expr] = argument.values
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        parts = [argument]
    else:
        raise f.refuse("a text sink takes an f-string or a string", argument)
    pieces = [prepared(f, part) for part in parts]
    act(f, sink.begin, (), node)
    for piece, spec in pieces:
        write_piece(f, sink, piece, spec, node)
    act(f, sink.end, (), node)
    if not sink.noreturn:
        return Value(NONE, None, loc)
    f.emit(ir.Unreachable(loc))
    f.flow.dead = True
    return Value(NONE, None, loc)


def prepared(f: FunctionLowering, part: ast.expr) -> tuple[Value, str]:
    """A piece of text, or a value computed now, with its format."""
    if isinstance(part, ast.Constant):
        return f.program.lift(str(part.value).encode(), f.loc(part)), ""
    assert isinstance(part, ast.FormattedValue)
    if part.conversion != -1:
        raise f.refuse("`!r` and the like are not in the language", part.value)
    spec = ""
    if part.format_spec is not None:
        assert isinstance(part.format_spec, ast.JoinedStr)
        for piece in part.format_spec.values:
            if not isinstance(piece, ast.Constant):
                raise f.refuse("a format is constant", part.value)
            spec += str(piece.value)
    return f.once_value(formattable(f, part)), spec


def formattable(f: FunctionLowering, part: ast.FormattedValue) -> Value:
    """A value that text can show."""
    value = lower(f, part.value)
    if value.type == LITERAL:
        return (
            f.program.lift(str(value.static).encode(), value.loc)
            if part.format_spec is None
            else Value(U64T, ir.Const(U64, int(value.static), value.loc), value.loc)
        )
    if value.type == STATIC and isinstance(value.static, str):
        return f.program.lift(value.static.encode(), value.loc)
    if isinstance(value.static, bytes):
        raise f.refuse("bytes have no text in Python", part.value, help=f"write `span({ast.unparse(part.value)})`")
    if not isinstance(value.type, IntType | AddressType | BitsType | BoolType | EnumType | SpanType):
        raise f.refuse(f"{quoted(value.type)} has no text", part.value)
    return value


def write_piece(f: FunctionLowering, sink: TextSink, value: Value, spec: str, node: ast.AST) -> None:
    """One piece, by its type."""
    kind = value.type
    if isinstance(kind, SpanType | BoolType | EnumType) and spec:
        raise refuse(f"{quoted(kind)} takes no format", value.loc)
    if isinstance(kind, SpanType):
        act(f, sink.text, (value.code,), node)
    elif isinstance(kind, BoolType):
        yes, no = words(f, sink, "True", node), words(f, sink, "False", node)
        f.emit(ir.If(value.code, yes, no, value.loc))
    elif isinstance(kind, EnumType):
        write_member(f, sink, value, kind, node)
    else:
        write_number(f, sink, value, spec, node)


def words(f: FunctionLowering, sink: TextSink, text: str, node: ast.AST) -> tuple[ir.Stmt, ...]:
    """A constant piece."""
    with f.collect() as steps:
        act(f, sink.text, (f.program.lift_span(rodata(text.encode()), text.encode(), f.loc(node)).code,), node)
    return tuple(steps)


def write_member(f: FunctionLowering, sink: TextSink, value: Value, kind: EnumType, node: ast.AST) -> None:
    """An enum's name."""
    if isinstance(value.expr, ir.Const):
        for step in words(f, sink, kind.cls(value.expr.value).name, node):
            f.emit(step)
        return
    cases = tuple(((member.value,), words(f, sink, member.name, node)) for member in kind.cls)
    f.emit(ir.Switch(value.code, cases, (), value.loc))


def write_number(f: FunctionLowering, sink: TextSink, value: Value, spec: str, node: ast.AST) -> None:
    """Decimal or hexadecimal, padded."""
    found = FORMAT.fullmatch(spec or ("#x" if isinstance(value.type, BitsType) else "d"))
    loc = value.loc
    signed = isinstance(value.type, IntType) and value.type.ir.signed
    if found is None or (signed and found[4] == "x"):
        advice = "formats are d, x, #x, 0Nx, #0Nx and N"
        raise refuse(f"the format `{spec}` of {quoted(value.type)} is not in the language", value.loc, help=advice)
    width = ir.Const(U32, int(found[3] or 0), loc)
    if signed:
        act(f, sink.signed, (converted(value, I64T, False, loc).code, width), node)
        return
    flags = (ZERO_PADDED if found[2] else 0) | (PREFIXED if found[1] else 0)
    base = ir.Const(U32, 16 if found[4] == "x" else 10, loc)
    act(f, sink.unsigned, (converted(value, U64T, False, loc).code, base, width, ir.Const(U32, flags, loc)), node)


def act(f: FunctionLowering, routine: Routine, values: tuple[ir.Expr, ...], node: ast.AST) -> None:
    """Calls one function of the sink."""
    loc = f.loc(node)
    callee = f.program.callee(routine, loc)
    wanted = [kind.ir for _, kind in callee.parameters]
    if wanted != [value.type for value in values]:
        declared = Label(callee.loc, "it is declared here")
        raise f.refuse(f"{callee.name} has not the parameters that a text sink needs", node, declared)
    f.calls.append((callee.symbol, loc))
    f.emit(ir.Evaluate(ir.Call(callee.symbol, values, callee.result.ir, loc, callee.result == NEVER), loc))
