"""Arithmetic and bit operators: of integers, of addresses, of untyped numbers."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from codegen.front.diagnostics import refuse
from codegen.front.function import FunctionLowering
from codegen.front.lowering import adopt, certain, common_conversion, conversion_between, conversion_help, lower
from codegen.front.registry import expression
from codegen.front.types import LITERAL, U64T, AddressType, BoolType, IntType, Type, is_unsigned, quoted
from codegen.front.values import Value, constant, literal
from codegen.ir import nodes as ir
from codegen.ir.types import Int

OPERATORS: dict[type[ast.operator], tuple[str, str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("add", "+", operator.add),
    ast.Sub: ("sub", "-", operator.sub),
    ast.Mult: ("mul", "*", operator.mul),
    ast.FloorDiv: ("div", "//", operator.floordiv),
    ast.Mod: ("rem", "%", operator.mod),
    ast.LShift: ("shl", "<<", operator.lshift),
    ast.RShift: ("shr", ">>", operator.rshift),
    ast.BitAnd: ("and", "&", operator.and_),
    ast.BitOr: ("or", "|", operator.or_),
    ast.BitXor: ("xor", "^", operator.xor),
}


@expression(ast.BinOp)
def binary(f: FunctionLowering, node: ast.BinOp, expected: Type | None) -> Value:
    """`left op right`."""
    return combine(f, node, node.op, lower(f, node.left), lower(f, node.right))


def combine(f: FunctionLowering, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
    """One operator applied to two values, also for `+=`."""
    if type(op) not in OPERATORS:
        advice = "write `//`" if isinstance(op, ast.Div) else ""
        raise f.refuse(f"`{ast.unparse(node)}`: this operator is not in the language", node, help=advice)
    name, sign, python = OPERATORS[type(op)]
    left, right = certain(left), certain(right)
    if left.type == LITERAL and right.type == LITERAL:
        return fold(f, node, python, left, right)
    if name in ("shl", "shr"):
        return shift(f, node, name, sign, left, right)
    if isinstance(left.type, AddressType):
        return address_arithmetic(f, node, name, sign, left, right)
    if isinstance(right.type, AddressType) and name == "add" and left.type in (LITERAL, U64T):
        if left.type == LITERAL:
            left = adopt(left, U64T)
        return Value(right.type, arithmetic(f, name, left.code, right.code, node), f.loc(node))
    if left.type == LITERAL:
        left = adopt(left, right.type, mask=name == "and")
    elif right.type == LITERAL:
        right = adopt(right, left.type, mask=name == "and")
    if left.type != right.type:
        raise differ(f, node, sign, left, right)
    if isinstance(left.type, BoolType) and name in ("and", "or", "xor"):
        raise f.refuse(f"`{sign}` is for integers", node, help="write `and`, `or` or `!=`")
    if not isinstance(left.type, IntType):
        raise f.refuse(
            f"`{sign}` is for integers, not {quoted(left.type)}", node, help=conversion_between(left.type, U64T)
        )
    if name in ("div", "rem") and left.type.ir.signed:
        raise f.refuse(
            f"`{sign}` is for unsigned integers, not {quoted(left.type)}",
            node,
            help="Python rounds down, machines do not",
        )
    return Value(left.type, arithmetic(f, name, left.code, right.code, node), f.loc(node))


def arithmetic(f: FunctionLowering, name: str, left: ir.Expr, right: ir.Expr, node: ast.AST) -> ir.Expr:
    """The operation with its check. Division is checked even in unchecked functions: the processor would fault."""
    check = name in ("div", "rem") or (name in ("add", "sub", "mul") and not f.unchecked)
    return ir.Binary(name, left, right, left.type, check, f.loc(node))


def fold(f: FunctionLowering, node: ast.AST, python: Callable[[Any, Any], Any], left: Value, right: Value) -> Value:
    """Two untyped numbers make one."""
    try:
        return literal(python(int(left.static), int(right.static)), f.loc(node))
    except (ArithmeticError, ValueError) as error:
        raise f.refuse(f"this cannot be computed: {error}", node) from error


def shift(f: FunctionLowering, node: ast.AST, name: str, sign: str, left: Value, right: Value) -> Value:
    """`<<` and `>>`: the amount may be of any unsigned type."""
    if left.type == LITERAL:
        raise refuse(f"the left operand of `{sign}` has no type", left.loc, help=f"write `u64({left.static})`")
    if not isinstance(left.type, IntType):
        raise f.refuse(
            f"`{sign}` is for integers, not {quoted(left.type)}", node, help=conversion_between(left.type, U64T)
        )
    check = not f.unchecked
    if right.type == LITERAL:
        if not 0 <= right.static < left.type.ir.bits:
            raise refuse(f"{quoted(left.type)} cannot be shifted by {right.static}", right.loc)
        right, check = adopt(right, left.type), False
    elif not is_unsigned(right.type):
        raise refuse(f"a shift amount is of an unsigned type, not {quoted(right.type)}", right.loc)
    return Value(left.type, shifted(f, name, left.code, right.code, check, f.loc(node)), f.loc(node))


def shifted(f: FunctionLowering, name: str, left: ir.Expr, amount: ir.Expr, check: bool, loc: ir.Loc) -> ir.Expr:
    """A shift whose amount may be wider than the value: the amount loses no bit before its check."""
    have, want = amount.type, left.type
    assert isinstance(have, Int) and isinstance(want, Int)
    if have == want:
        return ir.Binary(name, left, amount, want, check, loc)
    if have.bits <= want.bits or not check:
        return ir.Binary(name, left, ir.Convert(amount, want, False, loc), want, check, loc)
    with f.collect() as steps:
        first = f.once(left)
        second = f.once(amount)
    width = ir.Const(have, want.bits, loc)
    inside = ir.Compare("lt", second, width, loc)
    narrow = ir.Convert(ir.Choose(inside, second, width, have, loc), want, False, loc)
    result = ir.Binary(name, first, narrow, want, True, loc)
    return ir.Sequence(tuple(steps), result, want, loc) if steps else result


def address_arithmetic(f: FunctionLowering, node: ast.AST, name: str, sign: str, left: Value, right: Value) -> Value:
    """`a + u64`, `a - u64`, `a - a -> u64`, `a & mask`."""
    kind = left.type
    if name == "sub" and right.type == kind:
        return Value(U64T, arithmetic(f, name, left.code, right.code, node), f.loc(node))
    if name not in ("add", "sub", "and"):
        advice = f"compute with `u64(...)`, then `{kind}(...)`"
        raise f.refuse(f"`{sign}` is not defined for addresses", node, help=advice)
    if right.type == LITERAL:
        right = adopt(right, U64T, mask=name == "and")
    if right.type != U64T:
        help_text = (
            "addresses of different kinds do not mix"
            if isinstance(right.type, AddressType)
            else conversion_between(right.type, U64T)
        )
        raise refuse(f"`{sign}` of {quoted(kind)} takes a `u64`, not {quoted(right.type)}", right.loc, help=help_text)
    return Value(kind, arithmetic(f, name, left.code, right.code, node), f.loc(node))


def differ(f: FunctionLowering, node: ast.AST, sign: str, left: Value, right: Value) -> Exception:
    """Two typed operands that do not go together."""
    return f.refuse(
        f"operand types of `{sign}` differ: {quoted(left.type)} and {quoted(right.type)}",
        node,
        help=common_conversion(left.type, right.type) or conversion_help(left.type),
    )


@expression(ast.UnaryOp)
def unary(f: FunctionLowering, node: ast.UnaryOp, expected: Type | None) -> Value:
    """`-x`, `~x`, `+x`; `not` is a condition."""
    if isinstance(node.op, ast.Not):
        from codegen.front.conditions import condition_value

        return condition_value(f, node)
    value = lower(f, node.operand)
    loc = f.loc(node)
    if value.type == LITERAL:
        number = int(value.static)
        results: dict[type[ast.unaryop], int] = {ast.USub: -number, ast.Invert: ~number, ast.UAdd: number}
        return literal(results[type(node.op)], loc)
    if not isinstance(value.type, IntType):
        raise f.refuse(
            f"`{'~' if isinstance(node.op, ast.Invert) else '-'}` is for integers, not {quoted(value.type)}", node
        )
    if isinstance(node.op, ast.Invert):
        return Value(value.type, ir.Unary("invert", value.code, value.type.ir, loc), loc)
    if isinstance(node.op, ast.UAdd):
        raise f.refuse("`+x` is not in the language", node)
    if not value.type.ir.signed:
        raise f.refuse(
            f"`-x` needs a signed type, not {quoted(value.type)}", node, help="write `u64(0).wrapping_sub(x)`"
        )
    if f.unchecked:
        zero = constant(value.type, 0, loc).code
        return Value(value.type, ir.Binary("sub", zero, value.code, value.type.ir, False, loc), loc)
    return Value(value.type, ir.Unary("negate", value.code, value.type.ir, loc), loc)
