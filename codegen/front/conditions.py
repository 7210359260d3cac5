"""Conditions: comparisons, `and or not`, tests for None and for errors, and what each outcome tells about locals."""

from __future__ import annotations

import ast

from codegen.front.flow import Flow, join
from codegen.front.function import FunctionLowering
from codegen.front.lowering import adopt, certain, coerce, common_conversion, conversion_help, is_struct, lower
from codegen.front.objects import type_of
from codegen.front.registry import expression
from codegen.front.types import (
    BOOLEAN,
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
    OptionType,
    ResultType,
    StructType,
    Type,
    quoted,
)  # fmt: skip
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, PTR

COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
    ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
Outcome = tuple[ir.Expr, Flow, Flow]


def condition(f: FunctionLowering, node: ast.expr) -> Outcome:
    """The truth value, and what is known when it is true and when it is false. Leaves `f.flow` to be chosen."""
    if isinstance(node, ast.BoolOp):
        return short_circuit(f, node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        inner, when_true, when_false = condition(f, node.operand)
        return ir.Unary("not", inner, BOOL, f.loc(node)), when_false, when_true
    tested = union_test(f, node)
    if tested is not None:
        return tested
    value = lower(f, node)
    if not isinstance(value.type, BoolType):
        raise f.refuse(f"a condition is a bool, not {quoted(value.type)}", node, help=truth_help(value, node))
    return value.code, f.flow.copy(), f.flow.copy()


def truth_help(value: Value, node: ast.expr) -> str:
    """What to compare with."""
    text = ast.unparse(node)
    if isinstance(value.type, IntType) or value.type == LITERAL:
        return f"write `{text} != 0`"
    if isinstance(value.type, OptionType):
        return f"write `{text} is not None`"
    return ""


def condition_value(f: FunctionLowering, node: ast.expr) -> Value:
    """A condition as a value."""
    code, when_true, when_false = condition(f, node)
    f.flow = join(when_true, when_false)
    return Value(BOOLEAN, code, f.loc(node))


@expression(ast.BoolOp)
def bool_op(f: FunctionLowering, node: ast.BoolOp, expected: Type | None) -> Value:
    """`and`, `or`."""
    return condition_value(f, node)


def short_circuit(f: FunctionLowering, node: ast.BoolOp) -> Outcome:
    """The right side is checked with what the left side tells."""
    conjunction = isinstance(node.op, ast.And)
    code, when_true, when_false = condition(f, node.values[0])
    for part in node.values[1:]:
        f.flow = when_true if conjunction else when_false
        right, right_true, right_false = condition(f, part)
        code = ir.Logic("and" if conjunction else "or", code, right, f.loc(node))
        if conjunction:
            when_true, when_false = right_true, join(when_false, right_false)
        else:
            when_true, when_false = join(when_true, right_true), right_false
    return code, when_true, when_false


def union_test(f: FunctionLowering, node: ast.expr) -> Outcome | None:
    """`x is None`, `x is not None`, `isinstance(x, E)`; None for any other condition."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot):
        right = node.comparators[0]
        if isinstance(right, ast.Constant) and right.value is None:
            return none_test(f, node, isinstance(node.ops[0], ast.Is))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        return instance_test(f, node)
    return None


def whole_value(f: FunctionLowering, node: ast.expr) -> tuple[Value, str | None]:
    """The value and, when it is a local that may be narrowed, its name."""
    name = node.id if isinstance(node, ast.Name) and node.id in f.variables else None
    return lower(f, node), name


def none_test(f: FunctionLowering, node: ast.Compare, positive: bool) -> Outcome:
    """`is None` (positive) or `is not None`."""
    value, name = whole_value(f, node.left)
    loc = f.loc(node)
    if not isinstance(value.type, OptionType):
        known = value.type == NONE
        if not known and value.type == STATIC:
            known = value.static is None
        code: ir.Expr = ir.Const(BOOL, int(known == positive), loc)
        if value.expr is not None and value.type != NONE:
            code = ir.Sequence((ir.Evaluate(value.expr, loc),), code, BOOL, loc)
        alive, dead = f.flow.copy(), f.flow.copy()
        dead.dead = True
        return (code, alive, dead) if known == positive else (code, dead, alive)
    if value.type.ir == PTR:
        code = ir.Compare("eq" if positive else "ne", value.code, ir.Null(loc), loc)
    else:
        code = ir.Extract(value.code, 0, BOOL, loc)
        if positive:
            code = ir.Unary("not", code, BOOL, loc)
    return outcome(f, code, name, NONE if positive else value.type.item, value.type.item if positive else NONE)


def outcome(f: FunctionLowering, code: ir.Expr, name: str | None, when_true: Type, when_false: Type) -> Outcome:
    """Both states after a test of a local."""
    yes, no = f.flow.copy(), f.flow.copy()
    if name is not None:
        yes.narrowed[name], no.narrowed[name] = when_true, when_false
    return code, yes, no


def instance_test(f: FunctionLowering, node: ast.Call) -> Outcome:
    """`isinstance(r, E)` of a `T | E` or an `E | None`."""
    if len(node.args) != 2 or node.keywords:
        raise f.refuse("isinstance takes a value and a class", node)
    value, name = whole_value(f, node.args[0])
    wanted = type_of(lower(f, node.args[1]).static)
    loc = f.loc(node)
    if isinstance(value.type, ResultType) and wanted in (value.type.item, value.type.error):
        good = ir.Extract(value.code, 0, BOOL, loc)
        if wanted == value.type.item:
            return outcome(f, good, name, value.type.item, value.type.error)
        return outcome(f, ir.Unary("not", good, BOOL, loc), name, value.type.error, value.type.item)
    if isinstance(value.type, OptionType) and wanted == value.type.item:
        if value.type.ir == PTR:
            return outcome(f, ir.Compare("ne", value.code, ir.Null(loc), loc), name, value.type.item, NONE)
        return outcome(f, ir.Extract(value.code, 0, BOOL, loc), name, value.type.item, NONE)
    if wanted is not None and value.type == wanted:
        yes, no = f.flow.copy(), f.flow.copy()
        no.dead = True
        return ir.Const(BOOL, 1, loc), yes, no
    raise f.refuse(f"isinstance tests `T | E` and `E | None`; this is {quoted(value.type)}", node)


@expression(ast.Compare)
def compare(f: FunctionLowering, node: ast.Compare, expected: Type | None) -> Value:
    """Comparisons, also chained: each operand is computed once, and only as far as needed."""
    tested = union_test(f, node)
    if tested is not None:
        f.flow = join(tested[1], tested[2])
        return Value(BOOLEAN, tested[0], f.loc(node))
    loc = f.loc(node)
    left = lower(f, node.left)
    code: ir.Expr | None = None
    for position, (op, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
        right = lower(f, right_node)
        later = right
        if position + 1 < len(node.ops) and right.expr is not None:
            with f.collect() as steps:
                later = f.once_value(right)
            right = f.sequence(steps, later)
        step = compare_two(f, node, op, left, right)
        code = step if code is None else ir.Logic("and", code, step, loc)
        left = later
    assert code is not None
    return Value(BOOLEAN, code, loc)


def compare_two(f: FunctionLowering, node: ast.AST, op: ast.cmpop, left: Value, right: Value) -> ir.Expr:
    """One comparison."""
    loc = f.loc(node)
    name = COMPARISONS.get(type(op))
    if name is None:
        raise f.refuse("`in` is not in the language", node, help="write the comparisons out, or use `match`")
    if name in ("is", "is not"):
        if not (is_reference(left.type) and is_reference(right.type)):
            raise f.refuse(
                f"`{name}` compares references to structs, not {quoted(left.type)} and {quoted(right.type)}",
                node,
                help="write `==`",
            )
        return ir.Compare("eq" if name == "is" else "ne", left.code, right.code, loc)
    left, right = certain(left), certain(right)
    if left.type == LITERAL and right.type == LITERAL:
        return ir.Const(BOOL, int(compare_numbers(name, left.static, right.static)), loc)
    if left.type == LITERAL:
        left = adopt(left, right.type)
    elif right.type == LITERAL:
        right = adopt(right, left.type)
    if left.type != right.type:
        raise f.refuse(
            f"comparison of {quoted(left.type)} with {quoted(right.type)}",
            node,
            help=common_conversion(left.type, right.type),
        )
    ordered = isinstance(left.type, IntType | AddressType)
    if not ordered and (name not in ("eq", "ne") or not isinstance(left.type, EnumType | BitsType | BoolType)):
        advice = "structs are references: write `is`, or compare their fields" if is_struct(left) else ""
        raise f.refuse(f"`{sign(op)}` is not defined for {quoted(left.type)}", node, help=advice)
    return ir.Compare(name, left.code, right.code, loc)


def is_reference(kind: Type) -> bool:
    """A struct, or perhaps one."""
    return isinstance(kind, StructType) or (isinstance(kind, OptionType) and isinstance(kind.item, StructType))


def compare_numbers(name: str, left: int, right: int) -> bool:
    """Two untyped numbers."""
    return {
        "eq": left == right, "ne": left != right,
        "lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right,
    }[name]  # fmt: skip


def sign(op: ast.cmpop) -> str:
    """As it is written."""
    return SIGNS.get(type(op), "is")


@expression(ast.IfExp)
def choose(f: FunctionLowering, node: ast.IfExp, expected: Type | None) -> Value:
    """`a if c else b`: both arms have one type."""
    code, when_true, when_false = condition(f, node.test)
    f.flow = when_true
    then = lower(f, node.body, expected)
    after = f.flow
    f.flow = when_false
    otherwise = lower(f, node.orelse, expected)
    f.flow = join(after, f.flow)
    kind = then.type if then.type != NEVER else otherwise.type
    if expected is not None and expected not in (NONE, LITERAL, STATIC):
        kind = expected if arms_fit(then, otherwise, expected) else kind
    for arm, arm_node in ((then, node.body), (otherwise, node.orelse)):
        if arm.type == LITERAL:
            wanted = kind if kind != LITERAL else expected
            advice = conversion_help(U64T if wanted is None else wanted, ast.unparse(arm_node))
            raise f.refuse("the arms of a conditional need a typed value", arm_node, help=advice)
    first = coerce(f, then, kind, "this arm")
    second = coerce(f, otherwise, kind, "the other arm")
    if first.expr is None or second.expr is None:
        raise f.refuse("the arms of a conditional need a value", node)
    return Value(kind, ir.Choose(code, first.code, second.code, kind.ir, f.loc(node)), f.loc(node))


def arms_fit(then: Value, otherwise: Value, expected: Type) -> bool:
    """Whether the wanted type is an option or result that the arms become part of."""
    return isinstance(expected, OptionType | ResultType) and then.type != otherwise.type
