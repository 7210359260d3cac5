"""`a.b` and `a[i]`: cells of structs, fields of bit structs, and chains of build-time objects."""

from __future__ import annotations

import ast
from typing import Any

from codegen.front.bitstructs import read_bits
from codegen.front.diagnostics import suggestion
from codegen.front.function import FunctionLowering
from codegen.front.lowering import lower, name_of
from codegen.front.memory import read_site
from codegen.front.percpu import current
from codegen.front.registers import read_register_array, register
from codegen.front.registry import METHODS, expression
from codegen.front.spans import read_byte
from codegen.front.structs import index_value, read_element, read_field
from codegen.front.types import (
    NONE,
    STATIC,
    ArrayType,
    BitsType,
    BlockType,
    OptionType,
    RegisterType,
    ResultType,
    SpanType,
    StructType,
    TrapSiteType,
    Type,
    quoted,
)  # fmt: skip
from codegen.front.values import Value
from codegen.lang.percpu import PerCpu
from codegen.lang.routines import Routine


@expression(ast.Attribute)
def attribute(f: FunctionLowering, node: ast.Attribute, expected: Type | None) -> Value:
    """`a.b`, not called."""
    return member(f, lower(f, node.value), node)


def member(f: FunctionLowering, base: Value, node: ast.Attribute) -> Value:
    """A member of a value."""
    kind = base.type
    if kind in (STATIC, NONE) and base.is_static:
        return static_member(f, base.static, node)
    if isinstance(kind, StructType):
        if node.attr not in kind.cls.__layout__.fields and isinstance(getattr(kind.cls, node.attr, None), Routine):
            raise f.refuse_name(
                f"method `{node.attr}` is not called", node, help="functions are no values; call it, or use fn_table"
            )
        return read_field(f, base, node.attr, node)
    if isinstance(kind, BitsType):
        return read_bits(f, base, node.attr, node)
    if isinstance(kind, BlockType):
        return register(f, base, node.attr, node)
    if isinstance(kind, TrapSiteType):
        return read_site(f, base, node.attr, node)
    raise no_member(f, base, node)


def no_member(f: FunctionLowering, base: Value, node: ast.Attribute) -> Exception:
    """The error for a value that has no such member."""
    if isinstance(base.type, OptionType):
        return f.refuse_name(
            f"this may be None, which has no `{node.attr}`", node, help=test_help(node.value, "is None")
        )
    if isinstance(base.type, ResultType):
        return f.refuse_name(
            f"this may be the error {quoted(base.type.error)}",
            node,
            help=test_help(node.value, f"isinstance(..., {base.type.error})"),
        )
    names = [name for kind, name in METHODS if isinstance(base.type, kind)]
    if node.attr in names:
        return f.refuse_name(f"`{node.attr}` is a method: call it", node)
    return f.refuse_name(f"{quoted(base.type)} has no `{node.attr}`", node, help=suggestion(node.attr, names))


def test_help(value: ast.expr, test: str) -> str:
    """How to narrow; fields have to be bound to a local first."""
    if isinstance(value, ast.Name):
        return f"test it with `{test}` first"
    return f"bind it to a local and test that with `{test}` first"


def static_member(f: FunctionLowering, thing: Any, node: ast.Attribute) -> Value:
    """An attribute of a build-time object, taken now."""
    if isinstance(thing, PerCpu) and node.attr == "current":
        return current(f, thing, f.loc(node))
    try:
        found = getattr(thing, node.attr)
    except AttributeError:
        known = [name for name in dir(thing) if not name.startswith("_")]
        raise f.refuse_name(f"{name_of(thing)} has no `{node.attr}`", node, help=suggestion(node.attr, known)) from None
    return f.program.lift(found, f.loc(node))


@expression(ast.Subscript)
def subscript(f: FunctionLowering, node: ast.Subscript, expected: Type | None) -> Value:
    """`a[i]`."""
    base = lower(f, node.value)
    kind = base.type
    if isinstance(kind, ArrayType):
        return read_element(f, base, index_value(f, node.slice), node)
    if isinstance(kind, SpanType):
        return read_byte(f, base, index_value(f, node.slice), node)
    if isinstance(kind, RegisterType):
        return read_register_array(f, base, index_value(f, node.slice), node)
    if kind == STATIC:
        return static_item(f, base.static, node)
    raise f.refuse(f"{quoted(kind)} cannot be indexed", node)


def static_item(f: FunctionLowering, thing: Any, node: ast.Subscript) -> Value:
    """An item of a build-time tuple, dict or the like, at a build-time index."""
    index = lower(f, node.slice)
    if not index.is_static:
        advice = "use `table(...)` for data, `fn_table(...)` for functions"
        raise f.refuse(f"{name_of(thing)} is a build-time object: its index must be known", node, help=advice)
    try:
        found = thing[index.static]
    except (LookupError, TypeError) as error:
        raise f.refuse(f"no such item: {error}", node) from error
    return f.program.lift(found, f.loc(node))
