"""Integers: conversions, methods that say what overflow does, bit counting, min and max."""

from __future__ import annotations

import ast

from codegen.front.function import FunctionLowering
from codegen.front.lowering import adopt, lower, mismatch, stored
from codegen.front.operators import shifted
from codegen.front.registry import method, special
from codegen.front.structs import exactly, index_value
from codegen.front.types import (
    LITERAL,
    U64T,
    AddressType,
    BitsType,
    BoolType,
    EnumType,
    IntType,
    OptionType,
    Type,
    quoted,
)  # fmt: skip
from codegen.front.values import Value, constant
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, Aggregate, Int


def convert(f: FunctionLowering, kind: IntType, node: ast.Call) -> Value:
    """`u32(x)`: traps when the value does not fit."""
    value = lower(f, exactly(f, node, 1)[0])
    loc = f.loc(node)
    if value.type == LITERAL:
        return adopt(value, kind).at(loc)
    if isinstance(value.type, BitsType) and value.type.ir.bits != kind.ir.bits:
        raise f.refuse(
            f"{quoted(value.type)} is {value.type.ir.bits} bits wide, {quoted(kind)} is {kind.ir.bits}",
            node,
            help=f"write `{kind}({value.type.repr}(...))`",
        )
    if not isinstance(value.type, IntType | EnumType | BitsType | BoolType | AddressType):
        raise f.refuse(f"{quoted(value.type)} is not converted to {quoted(kind)}", node)
    return converted(value, kind, True, loc)


def converted(value: Value, kind: IntType, check: bool, loc: ir.Loc) -> Value:
    """To an integer; constants at once."""
    have = value.code.type
    if have == kind.ir:
        return Value(kind, value.code, loc)
    if isinstance(value.expr, ir.Const) and kind.low <= value.expr.value <= kind.high:
        return constant(kind, value.expr.value, loc)
    needed = check and not always_fits(have, kind.ir)
    return Value(kind, ir.Convert(value.code, kind.ir, needed, loc), loc)


def always_fits(have: object, want: Int) -> bool:
    """Whether no number of one type is out of range of the other."""
    if have == BOOL:
        return True
    assert isinstance(have, Int)
    if have.signed and not want.signed:
        return False
    return have.bits < want.bits or (have.bits == want.bits and have.signed == want.signed)


def truncate(f: FunctionLowering, kind: IntType, node: ast.Call) -> Value:
    """`u32.trunc(x)`: the low bits."""
    value = lower(f, exactly(f, node, 1)[0])
    loc = f.loc(node)
    if value.type == LITERAL:
        number = int(value.static) & ((1 << kind.ir.bits) - 1)
        return constant(kind, number - (1 << kind.ir.bits) if number > kind.high else number, loc)
    if not isinstance(value.type, IntType | EnumType | BitsType | BoolType | AddressType):
        raise f.refuse(f"{quoted(value.type)} has no low bits", node)
    return converted(value, kind, False, loc)


def convert_address(f: FunctionLowering, kind: AddressType, node: ast.Call) -> Value:
    """`Gpa(u64_value)`."""
    value = lower(f, exactly(f, node, 1)[0])
    if value.type == LITERAL:
        adopt(value, U64T)
        return constant(kind, int(value.static), f.loc(node))
    if value.type != U64T:
        raise mismatch(value, U64T, f"the argument of {quoted(kind)}")
    return Value(kind, value.code, f.loc(node))


PLAIN = {"wrapping_add": "add", "wrapping_sub": "sub", "wrapping_mul": "mul"}
CHECKED = {"checked_add": "add", "checked_sub": "sub", "checked_mul": "mul"}


@method(IntType, *PLAIN)
def wrapping(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """Modulo the width."""
    assert isinstance(node.func, ast.Attribute)
    right = stored(f, exactly(f, node, 1)[0], base.type, "the argument")
    op, loc = PLAIN[node.func.attr], f.loc(node)
    return Value(base.type, ir.Binary(op, base.code, right.code, base.code.type, False, loc), loc)


@method(IntType, *CHECKED)
def checked(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """The result, or None when it does not fit."""
    assert isinstance(node.func, ast.Attribute)
    right = stored(f, exactly(f, node, 1)[0], base.type, "the argument")
    op, loc, kind = CHECKED[node.func.attr], f.loc(node), OptionType(base.type)
    pair_type = Aggregate((BOOL, base.type.ir))
    with f.collect() as steps:
        pair = f.once(ir.WithOverflow(op, base.code, right.code, pair_type, loc))
    fits = ir.Unary("not", ir.Extract(pair, 0, BOOL, loc), BOOL, loc)
    items = (fits, ir.Extract(pair, 1, base.type.ir, loc))
    return f.sequence(steps, Value(kind, ir.MakeAggregate(items, kind.ir, loc), loc))


@method(IntType, "saturating_sub")
def saturating_sub(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """The difference, or the nearest number that the type holds."""
    right = stored(f, exactly(f, node, 1)[0], base.type, "the argument")
    kind, loc = base.type, f.loc(node)
    assert isinstance(kind, IntType)
    with f.collect() as steps:
        first, second = f.once(base.code), f.once(right.code)
        pair: ir.Expr | None = None
        if kind.ir.signed:
            pair = f.once(ir.WithOverflow("sub", first, second, Aggregate((BOOL, kind.ir)), loc))
    if pair is not None:
        negative = ir.Compare("lt", first, ir.Const(kind.ir, 0, loc), loc)
        limit = ir.Choose(negative, ir.Const(kind.ir, kind.low, loc), ir.Const(kind.ir, kind.high, loc), kind.ir, loc)
        whole = ir.Extract(pair, 1, kind.ir, loc)
        result: ir.Expr = ir.Choose(ir.Extract(pair, 0, BOOL, loc), limit, whole, kind.ir, loc)
    else:
        difference = ir.Binary("sub", first, second, kind.ir, False, loc)
        result = ir.Choose(ir.Compare("lt", first, second, loc), ir.Const(kind.ir, 0, loc), difference, kind.ir, loc)
    return f.sequence(steps, Value(kind, result, loc))


@method(IntType, "leading_zeros", "trailing_zeros", "count_ones")
def count_bits(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """Of the integer's own type."""
    assert isinstance(node.func, ast.Attribute)
    exactly(f, node, 0)
    return Value(base.type, ir.Unary(node.func.attr, base.code, base.code.type, f.loc(node)), f.loc(node))


@method(IntType, "rotate_left")
def rotate_left(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """By an amount modulo the width. (LLVM makes one instruction of the two shifts.)"""
    amount = index_value(f, exactly(f, node, 1)[0], "an amount")
    kind, loc = base.type, f.loc(node)
    assert isinstance(kind, IntType)
    plain = Int(kind.ir.bits)
    with f.collect() as steps:
        value = f.once(ir.Convert(base.code, plain, False, loc) if kind.ir.signed else base.code)
        moved = amount.code if amount.code.type == plain else ir.Convert(amount.code, plain, False, loc)
        count = f.once(moved)
    back = ir.Binary("sub", ir.Const(plain, 0, loc), count, plain, False, loc)
    high = shifted(f, "shl", value, count, False, loc)
    whole: ir.Expr = ir.Binary("or", high, shifted(f, "shr", value, back, False, loc), plain, False, loc)
    if kind.ir.signed:
        whole = ir.Convert(whole, kind.ir, False, loc)
    return f.sequence(steps, Value(kind, whole, loc))


@special("min", "max")
def least_or_greatest(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`min(a, b)`, `max(a, b)` of two integers or addresses of one type."""
    assert isinstance(node.func, ast.Name | ast.Attribute)
    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
    first_node, second_node = exactly(f, node, 2)
    first, second, loc = lower(f, first_node), lower(f, second_node), f.loc(node)
    if first.type == LITERAL and second.type == LITERAL:
        chosen = min(first.static, second.static) if name == "min" else max(first.static, second.static)
        return Value(LITERAL, None, loc, chosen)
    if first.type == LITERAL:
        first = adopt(first, second.type)
    elif second.type == LITERAL:
        second = adopt(second, first.type)
    if first.type != second.type or not isinstance(first.type, IntType | AddressType):
        raise f.refuse(
            f"{name} takes two numbers of one type, not {quoted(first.type)} and {quoted(second.type)}", node
        )
    with f.collect() as steps:
        left, right = f.once(first.code), f.once(second.code)
    # Python's min and max give the first of two that are equal: the same number.
    test = ir.Compare("lt" if name == "min" else "gt", right, left, loc)
    return f.sequence(steps, Value(first.type, ir.Choose(test, right, left, left.type, loc), loc))
