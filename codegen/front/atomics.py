"""Atomic cells: every access is one indivisible step, sequentially consistent but for `store_release`."""

from __future__ import annotations

import ast

from codegen.front.enums import checked_member
from codegen.front.function import FunctionLowering
from codegen.front.lowering import stored
from codegen.front.registry import method
from codegen.front.structs import exactly, size_of_cell
from codegen.front.types import BOOLEAN, NONE, AtomicType, EnumType, IntType, Type, quoted
from codegen.front.values import Value
from codegen.ir import nodes as ir

ORDERS = {"store": "seq_cst", "store_release": "release"}
UPDATES = {"fetch_add": "add", "fetch_sub": "sub", "fetch_or": "or", "fetch_and": "and", "exchange": "exchange"}


def item_of(base: Value) -> Type:
    """What the cell holds."""
    assert isinstance(base.type, AtomicType)
    return base.type.item


def content(f: FunctionLowering, kind: Type, code: ir.Expr, loc: ir.Loc) -> Value:
    """What was in the cell; an enum's number is checked."""
    return Value(kind, checked_member(f, code, kind, loc) if isinstance(kind, EnumType) else code, loc)


@method(AtomicType, "load")
def load(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`cell.load()`."""
    exactly(f, node, 0)
    kind, loc = item_of(base), f.loc(node)
    code = ir.Load(base.code, kind.ir, size_of_cell(kind), loc, order="seq_cst")
    return content(f, kind, code, loc)


@method(AtomicType, *ORDERS)
def store(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`cell.store(v)` and `cell.store_release(v)`."""
    assert isinstance(node.func, ast.Attribute)
    kind, loc = item_of(base), f.loc(node)
    place = f.once(base.code)
    value = stored(f, exactly(f, node, 1)[0], kind, "the argument")
    f.emit(ir.Store(place, value.code, size_of_cell(kind), loc, order=ORDERS[node.func.attr]))
    return Value(NONE, None, loc)


@method(AtomicType, *UPDATES)
def update(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`fetch_add` and its like, and `exchange`; the value before."""
    assert isinstance(node.func, ast.Attribute)
    kind, loc, op = item_of(base), f.loc(node), UPDATES[node.func.attr]
    if op != "exchange" and not isinstance(kind, IntType):
        raise f.refuse(f"`{node.func.attr}` is for integers, not {quoted(kind)}", node)
    value = stored(f, exactly(f, node, 1)[0], kind, "the argument")
    return content(f, kind, ir.AtomicUpdate(op, base.code, value.code, kind.ir, loc), loc)


@method(AtomicType, "compare_exchange")
def compare_exchange(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`compare_exchange(expected, new) -> bool`."""
    expected_node, new_node = exactly(f, node, 2)
    kind, loc = item_of(base), f.loc(node)
    expected = stored(f, expected_node, kind, "the first argument")
    new = stored(f, new_node, kind, "the second argument")
    return Value(BOOLEAN, ir.CompareExchange(base.code, expected.code, new.code, loc), loc)
