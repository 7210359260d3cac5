"""Tuples: several values together, in results and unpacking."""

from __future__ import annotations

import ast

from codegen.front.function import FunctionLowering
from codegen.front.lowering import coerce, conversion_help, lower
from codegen.front.registry import expression
from codegen.front.types import LITERAL, NONE, STATIC, TupleType, Type, is_local, quoted
from codegen.front.values import Value, build_time
from codegen.ir import nodes as ir


@expression(ast.Tuple)
def make(f: FunctionLowering, node: ast.Tuple, expected: Type | None) -> Value:
    """`a, b`: typed items, or all known at build time."""
    wanted: tuple[Type | None, ...] = (None,) * len(node.elts)
    if isinstance(expected, TupleType) and len(expected.items) == len(node.elts):
        wanted = expected.items
    values = [lower(f, item, kind) for item, kind in zip(node.elts, wanted, strict=True)]
    values = [fitted(f, value, kind) for value, kind in zip(values, wanted, strict=True)]
    loc = f.loc(node)
    untyped = [value for value in values if not is_local(value.type)]
    if untyped and all(value.is_static for value in values):
        return build_time(tuple(value.static for value in values), loc)
    for value in untyped:
        what = "this number has no type" if value.type == LITERAL else f"a tuple cannot hold {quoted(value.type)}"
        kind = wanted[values.index(value)]
        text = str(value.static) if value.type == LITERAL else ""
        raise f.refuse(
            what, node.elts[values.index(value)], help=conversion_help(kind, text) if kind is not None else ""
        )
    if any(value.on_stack for value in values):
        raise f.refuse("a `Local` lives only as long as its function: it is not put into a tuple", node)
    kind = TupleType(tuple(value.type for value in values))
    return Value(kind, ir.MakeAggregate(tuple(value.code for value in values), kind.ir, loc), loc)


def fitted(f: FunctionLowering, value: Value, kind: Type | None) -> Value:
    """An item as the type that its place wants; errors are reported where the tuple goes."""
    if kind is None or value.type in (kind, LITERAL, STATIC):
        return value
    if value.type == NONE or not isinstance(kind, TupleType):
        return coerce(f, value, kind, "this item")
    return value
