"""Calls: of functions, methods, intrinsics, stubs, contracts and tables; of types and of what the compiler knows."""

from __future__ import annotations

import ast
from typing import Any

from codegen.front import bitstructs, enums, integers
from codegen.front.conditions import condition_value
from codegen.front.declared import parameter
from codegen.front.diagnostics import Absorbed, Label, suggestion
from codegen.front.function import FunctionLowering
from codegen.front.lowering import lower, typed
from codegen.front.objects import type_of
from codegen.front.percpu import here
from codegen.front.program import Callee
from codegen.front.registry import METHODS, SPECIALS, expression
from codegen.front.structs import exactly, index_of
from codegen.front.text import write_text
from codegen.front.types import (
    NEVER,
    NONE,
    STATIC,
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
from codegen.lang.percpu import PerCpu
from codegen.lang.routines import Routine
from codegen.lang.tables import FnTable
from codegen.lang.text import TextSink


@expression(ast.Call)
def call(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """Any call."""
    if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        return condition_value(f, node)
    if isinstance(node.func, ast.Attribute):
        base = lower(f, node.func.value)
        if not (base.type in (STATIC, NONE) and base.is_static):
            return method_call(f, base, node)
        if isinstance(base.static, PerCpu) and node.func.attr == "here":
            exactly(f, node, 0)
            return here(f, base.static, f.loc(node))
        if isinstance(base.static, type):
            made = class_method(f, base.static, node.func.attr, node)
            if made is not None:
                return made
    if isinstance(node.func, ast.Subscript):
        table = lower(f, node.func.value)
        if table.type == STATIC and isinstance(table.static, FnTable):
            return table_call(f, table.static, node.func.slice, node)
    return call_object(f, lower(f, node.func), node, expected)


def call_object(f: FunctionLowering, target: Value, node: ast.Call, expected: Type | None) -> Value:
    """The call of a build-time object."""
    thing = target.static
    if target.type != STATIC:
        raise f.refuse(f"{quoted(target.type)} cannot be called", node)
    if isinstance(thing, Routine):
        return routine_call(f, thing, None, node)
    kind = type_of(thing) if isinstance(thing, type) else None
    if kind is not None:
        made = construct(f, kind, node)
        if made is not None:
            return made
    known = special_name(thing)
    if known in SPECIALS:
        return SPECIALS[known](f, node, expected)
    if isinstance(thing, TextSink):
        return write_text(f, thing, node)
    name = ast.unparse(node.func)
    if thing in (len, range, min, max):
        raise f.refuse(f"this is Python's own `{name}`", node, help=f"`from codegen.lang import {name}`")
    if thing is print:
        raise f.refuse("`print` is not in the language", node, help='use a text sink, such as `log(f"...")`')
    raise f.refuse(f"`{name}` is no `@fn`", node, help="`static(...)` evaluates a call at build time")


def special_name(thing: Any) -> str:
    """The name of a function of `codegen.lang`; nothing for any other object."""
    module = getattr(thing, "__module__", None) or ""
    return str(getattr(thing, "__name__", "")) if module.startswith("codegen.lang") else ""


def construct(f: FunctionLowering, kind: Type, node: ast.Call) -> Value | None:
    """The call of a type."""
    if isinstance(kind, IntType):
        return integers.convert(f, kind, node)
    if isinstance(kind, AddressType):
        return integers.convert_address(f, kind, node)
    if isinstance(kind, BitsType):
        return bitstructs.construct(f, kind, node)
    if isinstance(kind, EnumType):
        raise f.refuse(
            f"{quoted(kind)} is not made by a call",
            node,
            help=f"`{kind}.checked(x)` traps, `{kind}.find(x)` may give None",
        )
    if isinstance(kind, BoolType):
        raise f.refuse("there is no conversion to bool", node, help="write a comparison, such as `x != 0`")
    if isinstance(kind, StructType):
        raise f.refuse(
            f"{quoted(kind)} is a reference to memory",
            node,
            help=f"`Local({kind})`, or `storage({kind})` at module level",
        )
    return None


def class_method(f: FunctionLowering, cls: type, name: str, node: ast.Call) -> Value | None:
    """`u32.trunc(x)`, `Pte.of(x)`, `E.checked(x)`, `E.find(x)`."""
    kind = type_of(cls)
    if isinstance(kind, IntType) and name == "trunc":
        return integers.truncate(f, kind, node)
    if isinstance(kind, BitsType) and name == "of":
        return bitstructs.of(f, kind, node)
    if isinstance(kind, EnumType) and name in ("checked", "find"):
        return enums.checked(f, kind, node) if name == "checked" else enums.find(f, kind, node)
    return None


def method_call(f: FunctionLowering, base: Value, node: ast.Call) -> Value:
    """`value.method(...)`."""
    assert isinstance(node.func, ast.Attribute)
    name, kind = node.func.attr, base.type
    rule = METHODS.get((type(kind), name))
    if rule is not None:
        return rule(f, base, node)
    if isinstance(kind, StructType | BitsType | EnumType):
        found = kind.cls.__dict__.get(name)
        if isinstance(found, Routine):
            return routine_call(f, found, base, node)
        members = [n for t, n in METHODS if t is type(kind)] + [n for n in vars(kind.cls) if not n.startswith("_")]
        raise f.refuse_name(f"{quoted(kind)} has no method `{name}`", node.func, help=suggestion(name, members))
    if isinstance(kind, OptionType | ResultType):
        from codegen.front.attributes import no_member

        raise no_member(f, base, node.func)
    known = [known_name for known_kind, known_name in METHODS if known_kind is type(kind)]
    raise f.refuse_name(f"{quoted(kind)} has no method `{name}`", node.func, help=suggestion(name, known))


def routine_call(f: FunctionLowering, routine: Routine, this: Value | None, node: ast.Call) -> Value:
    """The call of an `@fn`, intrinsic, stub or contract; `this` is the reference before the dot."""
    callee = f.program.callee(routine, f.loc(node))
    values = arguments(f, callee, this, node)
    f.calls.append((callee.symbol, f.loc(node)))
    return called(f, callee, tuple(value.code for value in values), node)


def called(f: FunctionLowering, callee: Callee, values: tuple[ir.Expr, ...], node: ast.AST) -> Value:
    """The call itself."""
    loc = f.loc(node)
    return Value(callee.result, ir.Call(callee.symbol, values, callee.result.ir, loc, callee.result == NEVER), loc)


def arguments(f: FunctionLowering, callee: Callee, this: Value | None, node: ast.Call) -> list[Value]:
    """Values in the order of the parameters, computed in the order of the call."""
    given: dict[str, Value] = {}
    declared = Label(callee.loc, f"`{callee.name}` is declared here")
    names = [name for name, _ in callee.parameters]
    types = dict(callee.parameters)
    if this is not None:
        given[receiver(f, callee, this, node)] = this
    positional = names[len(given) :]
    if len(node.args) > len(positional):
        extra = node.args[len(positional)]
        raise f.refuse(f"{callee.name} takes {len(positional)} arguments, {len(node.args)} given", extra, declared)
    pairs = [(name, argument) for name, argument in zip(positional, node.args, strict=False)]
    for keyword in node.keywords:
        if keyword.arg is None:
            raise f.refuse("star arguments are not in the language", keyword, help="name every argument")
        if keyword.arg not in types:
            message = f"{callee.name} has no parameter `{keyword.arg}`"
            raise f.refuse_name(message, keyword, declared, help=suggestion(keyword.arg, names))
        if keyword.arg in given or keyword.arg in dict(pairs):
            raise f.refuse_name(f"parameter `{keyword.arg}` is given twice", keyword, declared)
        pairs.append((keyword.arg, keyword.value))
    missing = [f"`{name}`" for name in names if name not in given and name not in dict(pairs)]
    if missing:
        what = f"argument {missing[0]} is" if len(missing) == 1 else f"arguments {', '.join(missing)} are"
        raise f.refuse(f"{callee.name}: {what} missing", node, declared)
    for name, argument in pairs:
        with f.guard():
            given[name] = argument_value(f, argument, types[name], name, callee.loc)
    if len(given) < len(names):
        raise Absorbed
    if list(given) == names:
        return list(given.values())
    return reordered(f, given, names)


def receiver(f: FunctionLowering, callee: Callee, this: Value, node: ast.Call) -> str:
    """The name of a method's first parameter, which takes what stands before the dot."""
    declared = Label(callee.loc, f"`{callee.name}` is declared here")
    if not callee.parameters:
        raise f.refuse_name(f"{callee.name} takes no `self`", node.func, declared)
    name, kind = callee.parameters[0]
    if kind != this.type:
        message = f"the first parameter of {callee.name} is {quoted(kind)}, not {quoted(this.type)}"
        raise f.refuse_name(message, node.func, declared, help=f"leave out the annotation of `{name}`")
    return name


def argument_value(f: FunctionLowering, node: ast.expr, kind: Type, name: str, declared: ir.Loc) -> Value:
    """One argument of the parameter's type."""
    if isinstance(node, ast.Starred):
        raise f.refuse("star arguments are not in the language", node, help="name every argument")
    return typed(f, node, kind, parameter(declared, name, kind))


def reordered(f: FunctionLowering, given: dict[str, Value], names: list[str]) -> list[Value]:
    """Keywords in another order than the parameters: the first parameter's code computes all, in the call's order."""
    with f.collect() as steps:
        stable = {name: f.once_value(value) for name, value in given.items()}
    first = f.sequence(steps, stable[names[0]])
    return [first, *(stable[name] for name in names[1:])]


def table_call(f: FunctionLowering, table: FnTable[Any], index_node: ast.expr, node: ast.Call) -> Value:
    """`HANDLERS[i](...)`: the index is an enum or an unsigned integer."""
    symbol, callee = f.program.table(table, f.loc(node))
    index = table_index(f, index_node)
    values = arguments(f, callee, None, node)
    f.calls.append((symbol, f.loc(node)))
    loc = f.loc(node)
    code = ir.CallIndirect(symbol, index.code, tuple(v.code for v in values), callee.result.ir, loc)
    return Value(callee.result, code, loc)


def table_index(f: FunctionLowering, node: ast.expr) -> Value:
    """An enum's number, or an unsigned integer."""
    value = lower(f, node)
    if isinstance(value.type, EnumType):
        return Value(value.type.repr, value.code, value.loc)
    return index_of(f, value, node, "an index")
