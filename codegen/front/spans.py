"""Spans: bytes by address and length, every access checked."""

from __future__ import annotations

import ast

from codegen.front.function import FunctionLowering
from codegen.front.lowering import stored, stored_value, typed
from codegen.front.registry import method
from codegen.front.structs import as_u64, exactly, layout_of, struct_argument
from codegen.front.types import BOOLEAN, HVA, NONE, SPAN_TYPE, U8T, OptionType, SpanType
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import PTR, SPAN, U8, U64
from codegen.lang.spans import Span
from codegen.lang.statics import static_of


def address(whole: ir.Expr, loc: ir.Loc) -> ir.Expr:
    """Of the first byte of a stable span."""
    return whole.items[0] if isinstance(whole, ir.MakeAggregate) else ir.Extract(whole, 0, PTR, loc)


def size(whole: ir.Expr, loc: ir.Loc) -> ir.Expr:
    """Length of a stable span, u64."""
    return whole.items[1] if isinstance(whole, ir.MakeAggregate) else ir.Extract(whole, 1, U64, loc)


def byte_place(f: FunctionLowering, whole: ir.Expr, index: Value, loc: ir.Loc) -> ir.Expr:
    """Address of one byte, checked."""
    wide = index.code if index.code.type == U64 else ir.Convert(index.code, U64, False, loc)
    return ir.Index(address(whole, loc), wide, 1, size(whole, loc), loc)


def read_byte(f: FunctionLowering, base: Value, index: Value, node: ast.AST) -> Value:
    """`s[i] -> u8`."""
    loc = f.loc(node)
    with f.collect() as steps:
        whole = f.once(base.code, "span")
    return f.sequence(steps, Value(U8T, ir.Load(byte_place(f, whole, index, loc), U8, 1, loc), loc))


def write_byte(f: FunctionLowering, base: Value, index: Value, value: Value, node: ast.AST) -> None:
    """`s[i] = b`."""
    loc = f.loc(node)
    refuse_read_only(f, base, node)
    value = stored_value(f, value, U8T, "a byte")
    whole = f.once(base.code, "span")
    f.emit(ir.Store(byte_place(f, whole, index, loc), value.code, 1, loc))


def refuse_read_only(f: FunctionLowering, base: Value, node: ast.AST) -> None:
    """A byte string that is known when compiled is not written."""
    found = static_of(base.static) if isinstance(base.static, Span) else None
    if isinstance(base.static, bytes) or found is not None and found[0].constant:
        raise f.refuse("a byte string is read-only", node)


@method(SpanType, "slice")
def cut(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`s.slice(offset, length)`: traps outside."""
    start_node, length_node = exactly(f, node, 2)
    loc = f.loc(node)
    with f.collect() as steps:
        whole = f.once(base.code, "span")
        start = f.once(as_u64(f, start_node, "an offset"), "offset")
        length = f.once(as_u64(f, length_node, "a length"), "length")
        f.emit(ir.If(outside(whole, start, length, loc), (ir.Trap("slice out of range", loc),), (), loc))
    place = ir.Index(address(whole, loc), start, 1, None, loc)
    return f.sequence(steps, Value(SPAN_TYPE, ir.MakeAggregate((place, length), SPAN, loc), loc))


def outside(whole: ir.Expr, start: ir.Expr, length: ir.Expr, loc: ir.Loc) -> ir.Expr:
    """Whether start + length > size, without overflow."""
    total = size(whole, loc)
    room = ir.Binary("sub", total, start, U64, False, loc)
    return ir.Logic("or", ir.Compare("gt", start, total, loc), ir.Compare("gt", length, room, loc), loc)


@method(SpanType, "view")
def view(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`s.view(offset, T) -> T | None`."""
    start_node, kind_node = exactly(f, node, 2)
    loc = f.loc(node)
    kind = struct_argument(f, kind_node)
    with f.collect() as steps:
        whole = f.once(base.code, "span")
        start = f.once(as_u64(f, start_node, "an offset"), "offset")
    bad = outside(whole, start, ir.Const(U64, layout_of(kind).size, loc), loc)
    place = ir.Index(address(whole, loc), start, 1, None, loc)
    return f.sequence(steps, Value(OptionType(kind), ir.Choose(bad, ir.Null(loc), place, PTR, loc), loc))


@method(SpanType, "copy_from")
def copy_from(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`s.copy_from(t)`: equal lengths, or a trap."""
    refuse_read_only(f, base, node)
    loc = f.loc(node)
    target = f.once(base.code, "span")
    source = f.once(typed(f, exactly(f, node, 1)[0], SPAN_TYPE, "the argument").code, "source")
    differ = ir.Compare("ne", size(target, loc), size(source, loc), loc)
    f.emit(ir.If(differ, (ir.Trap("lengths differ", loc),), (), loc))
    f.emit(ir.MemoryCopy(address(target, loc), address(source, loc), size(target, loc), loc, True))
    return Value(NONE, None, loc)


@method(SpanType, "fill")
def fill(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`s.fill(byte)`."""
    refuse_read_only(f, base, node)
    loc = f.loc(node)
    target = f.once(base.code, "span")
    value = stored(f, exactly(f, node, 1)[0], U8T, "the argument")
    f.emit(ir.MemoryFill(address(target, loc), value.code, size(target, loc), loc))
    return Value(NONE, None, loc)


@method(SpanType, "equals")
def equals(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`s.equals(t)`: same length, same bytes."""
    loc = f.loc(node)
    with f.collect() as steps:
        left = f.once(base.code, "span")
        right = f.once(typed(f, exactly(f, node, 1)[0], SPAN_TYPE, "the argument").code, "other")
    same = ir.Compare("eq", size(left, loc), size(right, loc), loc)
    code = ir.Logic("and", same, ir.MemoryEqual(address(left, loc), address(right, loc), size(left, loc), loc), loc)
    return f.sequence(steps, Value(BOOLEAN, code, loc))


@method(SpanType, "address")
def address_value(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`s.address() -> Hva`."""
    exactly(f, node, 0)
    loc = f.loc(node)
    return Value(HVA, ir.Convert(ir.Extract(base.code, 0, PTR, loc), U64, False, loc), loc)
