"""Names: locals as far as flow knows them, and what stands outside the function, which is constant."""

from __future__ import annotations

import ast
import builtins
from typing import Any

from codegen.front.build_time import name_help
from codegen.front.diagnostics import Absorbed, Label, refuse
from codegen.front.function import FunctionLowering, Variable
from codegen.front.registry import expression
from codegen.front.types import NONE, OptionType, ResultType, Type
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import PTR


class UnknownName(Exception):
    """A name that neither closure, module nor builtins have."""


class Outside:
    """Resolves names of one Fn: its closure, the module, builtins."""

    def __init__(self, free: dict[str, Any], module: dict[str, Any]) -> None:
        self.free = free
        self.module = module

    def __call__(self, name: str) -> Any:
        """The object. Raises UnknownName."""
        for place in (self.free, self.module, vars(builtins)):
            if name in place:
                return place[name]
        raise UnknownName(name)

    def get(self, name: str) -> Any:
        """The object, or None."""
        try:
            return self(name)
        except UnknownName:
            return None

    def all_names(self) -> set[str]:
        """For suggestions."""
        return {*self.free, *self.module}


@expression(ast.Name)
def name(f: FunctionLowering, node: ast.Name, expected: Type | None) -> Value:
    """A local, or a build-time object."""
    variable = f.variables.get(node.id)
    if variable is None:
        if node.id in f.assigned_names:
            raise f.refuse(f"local `{node.id}` has no value yet", node)
        return outside(f, node)
    if variable.static is not None:
        return variable.static.at(f.loc(node))
    if variable.type is None or variable.local is None:
        raise Absorbed
    if node.id not in f.flow.assigned:
        where = Label(variable.loc, "assigned only here, which may not run")
        raise refuse(f"local `{node.id}` may have no value here", f.loc(node), where)
    return narrowed(variable, f.flow.narrowed.get(node.id), f.loc(node))


def outside(f: FunctionLowering, node: ast.Name) -> Value:
    """An object of the closure or the module."""
    try:
        thing = f.names(node.id)
    except UnknownName:
        known = {*f.variables, *f.names.all_names()}
        raise f.refuse(f"unknown name `{node.id}`", node, help=name_help(node.id, known)) from None
    return f.program.lift(thing, f.loc(node))


def narrowed(variable: Variable, kind: Type | None, loc: ir.Loc) -> Value:
    """The local as the alternative that it is known to hold."""
    assert variable.type is not None and variable.local is not None
    local, whole = variable.local, variable.type
    if kind is None or kind == whole:
        return Value(whole, local, loc, on_stack=variable.on_stack)
    if kind == NONE:
        return Value(NONE, None, loc, None)
    if isinstance(whole, ResultType):
        return Value(kind, ir.Extract(local, 1 if kind == whole.item else 2, kind.ir, loc), loc)
    assert isinstance(whole, OptionType)
    if whole.ir == PTR:
        return Value(kind, local, loc)
    return Value(kind, ir.Extract(local, 1, kind.ir, loc), loc)


@expression(ast.Constant)
def constant_expression(f: FunctionLowering, node: ast.Constant, expected: Type | None) -> Value:
    """Numbers, truth values, None, bytes."""
    if isinstance(node.value, float | complex):
        raise f.refuse("there are no floating-point numbers in ring 0", node)
    if isinstance(node.value, str):
        raise f.refuse("strings stand only in calls of a text sink", node, help='write bytes, b"...", for a span')
    if node.value is ...:
        raise f.refuse("a body is missing here", node)
    return f.program.lift(node.value, f.loc(node))
