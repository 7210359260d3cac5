"""Simple statements: assignment in its forms, return, assert, expression statements."""

from __future__ import annotations

import ast

from codegen.front.bitstructs import bit_field
from codegen.front.conditions import condition
from codegen.front.declared import result as result_of
from codegen.front.diagnostics import Label, declared_by, refuse
from codegen.front.function import FunctionLowering, Variable, local_help
from codegen.front.lowering import coerce, lower
from codegen.front.objects import type_of
from codegen.front.operators import combine
from codegen.front.registry import statement
from codegen.front.spans import read_byte, write_byte
from codegen.front.static import evaluate
from codegen.front.structs import index_value, read_element, read_field, write_element, write_field
from codegen.front.types import (
    LITERAL,
    NEVER,
    NONE,
    STATIC,
    ArrayType,
    BitsType,
    EnumType,
    OptionType,
    RegisterType,
    ResultType,
    SpanType,
    StructType,
    TupleType,
    Type,
    quoted,
)  # fmt: skip
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.ir.types import BOOL, VOID
from codegen.lang.annotations import substituted


@statement(ast.Pass)
def do_nothing(f: FunctionLowering, node: ast.Pass) -> None:
    """`pass`."""


@statement(ast.Assign)
def assign(f: FunctionLowering, node: ast.Assign) -> None:
    """`target = value`, and `a = b = value`."""
    try:
        value = lower(f, node.value, expected_by(f, node.targets[0]))
        value = settle(f, value, node.targets)
    except BaseException:
        for target in node.targets:
            poison_target(f, target)
        raise
    for target in node.targets:
        assign_target(f, target, value)


def settle(f: FunctionLowering, value: Value, targets: list[ast.expr]) -> Value:
    """Python computes the value before the target: so does this, where it makes a difference."""
    if len(targets) == 1 and isinstance(targets[0], ast.Name):
        return value
    if value.expr is None or value.expr.type == VOID:
        return value
    return f.once_value(value)


def expected_by(f: FunctionLowering, target: ast.expr) -> Type | None:
    """The type of a local that is assigned again."""
    if isinstance(target, ast.Name) and target.id in f.variables:
        return f.variables[target.id].type
    return None


def poison_target(f: FunctionLowering, target: ast.expr) -> None:
    """After an error in the value."""
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            f.poison(node.id, node)


def assign_target(f: FunctionLowering, target: ast.expr, value: Value) -> None:
    """Stores a value that has been computed."""
    if isinstance(target, ast.Name):
        assign_local(f, target, value, None)
    elif isinstance(target, ast.Tuple):
        unpack(f, target, value)
    elif isinstance(target, ast.Attribute):
        base = lower(f, target.value)
        if isinstance(base.type, BitsType):
            bit_field(f, base.type, target.attr, target)
            text = ast.unparse(target.value)
            raise f.refuse(
                f"{quoted(base.type)} is a value, its fields are not assigned",
                target,
                help=f"write `{text} = {text}.replace({target.attr}=...)`",
            )
        if not isinstance(base.type, StructType):
            if isinstance(base.type, OptionType | ResultType):
                from codegen.front.attributes import no_member

                raise no_member(f, base, target)
            raise f.refuse(f"{quoted(base.type)} has no fields to assign", target)
        write_field(f, base, target.attr, value, target)
    elif isinstance(target, ast.Subscript):
        assign_item(f, target, value)
    else:
        what, advice = ("list", "write `a, b = ...`") if isinstance(target, ast.List) else ("star", "name every target")
        raise f.refuse(f"{what} targets are not in the language", target, help=advice)


def assign_item(f: FunctionLowering, target: ast.Subscript, value: Value) -> None:
    """`a[i] = value`."""
    base = lower(f, target.value)
    if isinstance(base.type, ArrayType):
        write_element(f, base, index_value(f, target.slice), value, target)
    elif isinstance(base.type, SpanType):
        write_byte(f, base, index_value(f, target.slice), value, target)
    elif isinstance(base.type, RegisterType):
        raise f.refuse("a register is not assigned", target, help=f"write `{ast.unparse(target)}.write(...)`")
    else:
        raise f.refuse(f"items of {quoted(base.type)} are not assigned", target)


def assign_local(f: FunctionLowering, target: ast.Name, value: Value, declared: Type | None) -> None:
    """`x = value`, `x: T = value`."""
    known = f.variables.get(target.id)
    if known is None or known.static is not None:
        kind = declared if declared is not None else value.type
        if value.type in (LITERAL, STATIC, NONE) and declared is None:
            raise no_type(f, target, value)
        variable = f.declare(target.id, kind, target)
    else:
        variable = f.declare(target.id, value.type, target)
        assert variable.type is not None
        if declared is not None and declared != variable.type:
            raise f.refuse(
                f"`{target.id}` already has the type {quoted(variable.type)}", target, Label(variable.loc, "here")
            )
    assert variable.type is not None and variable.local is not None
    converted = coerce_local(f, value, variable, target)
    f.emit(ir.SetLocal(variable.local, converted.code, f.loc(target)))
    variable.on_stack = variable.on_stack or value.on_stack
    f.flow.assigned.add(target.id)
    f.flow.narrowed.pop(target.id, None)
    if value.type != variable.type and value.type != NEVER:
        f.flow.narrowed[target.id] = value.type
    f.finish(value)


def no_type(f: FunctionLowering, target: ast.Name, value: Value) -> Exception:
    """A first assignment that gives no type."""
    if value.type == NONE:
        if value.expr is not None:
            return refuse("this call gives no result", value.loc)
        return refuse(
            f"None does not say what `{target.id}` may hold", value.loc, help=f"write `{target.id}: T | None = None`"
        )
    if value.type == LITERAL:
        return refuse(
            f"`{target.id}` needs a type, this number has none",
            value.loc,
            help=f"write `{target.id} = u32({value.static})`",
        )
    return refuse(f"a local cannot hold {quoted(value.type)}", value.loc, help=local_help(value.type))


def coerce_local(f: FunctionLowering, value: Value, variable: Variable, target: ast.Name) -> Value:
    """The value as the type of the local, or an error that shows where it got its type."""
    assert variable.type is not None
    if value.type != variable.type and value.type not in (LITERAL, NONE, NEVER, STATIC):
        fits = isinstance(variable.type, OptionType | ResultType | TupleType)
        if not fits:
            first = Label(variable.loc, f"`{target.id}` got the type {quoted(variable.type)} here")
            raise refuse(
                f"`{target.id}` is {quoted(variable.type)}, not {quoted(value.type)}",
                value.loc,
                first,
                help="a local has one type: use another name",
            )
    return coerce(f, value, variable.type, f"`{target.id}`")


def unpack(f: FunctionLowering, target: ast.Tuple, value: Value) -> None:
    """`a, b = value`."""
    if value.type == STATIC and isinstance(value.static, tuple):
        items = [f.program.lift(item, value.loc) for item in value.static]
    elif isinstance(value.type, TupleType):
        items = apart(f, value, value.type)
    else:
        poison_target(f, target)
        raise f.refuse(f"{quoted(value.type)} cannot be unpacked", target)
    if len(items) != len(target.elts):
        poison_target(f, target)
        raise f.refuse(f"{len(items)} values for {len(target.elts)} targets", target)
    for element, item in zip(target.elts, items, strict=True):
        with f.guard():
            assign_target(f, element, item)


def apart(f: FunctionLowering, value: Value, kind: TupleType) -> list[Value]:
    """The items, computed and kept before any target is assigned: `a, b = b, a`."""
    loc, code = value.loc, f.once(value.code)
    found = []
    for index, item in enumerate(kind.items):
        part = code.items[index] if isinstance(code, ir.MakeAggregate) else ir.Extract(code, index, item.ir, loc)
        if isinstance(part, ir.Const | ir.Symbol):
            found.append(Value(item, part, loc))
            continue
        local = f.new_local("item", item.ir, loc)
        f.emit(ir.SetLocal(local, part, loc))
        found.append(Value(item, local, loc))
    return found


@statement(ast.AnnAssign)
def annotated(f: FunctionLowering, node: ast.AnnAssign) -> None:
    """`x: T = value`."""
    if not isinstance(node.target, ast.Name):
        raise f.refuse("only locals are annotated", node.target)
    try:
        kind = annotation(f, node.annotation)
        if node.value is None:
            f.declare(node.target.id, kind, node.target)
            return
        value = lower(f, node.value, kind)
        assign_local(f, node.target, value, kind)
    except BaseException:
        poison_target(f, node.target)
        raise


def annotation(f: FunctionLowering, node: ast.expr) -> Type:
    """The type that an annotation in a body names."""
    text: ast.expr = node
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = ast.parse(node.value, mode="eval").body
    try:
        kind = type_of(substituted(evaluate(f, text, node), f.where))
    except TypeError as error:
        raise f.refuse(str(error), node) from error
    if kind is None:
        raise f.refuse(f"`{ast.unparse(text)}` is no type of the language", node)
    return kind


@statement(ast.AugAssign)
def augmented(f: FunctionLowering, node: ast.AugAssign) -> None:
    """`target op= value`: the target is looked up once, before the value, as in Python."""
    target = node.target
    if isinstance(target, ast.Name):
        current = lower(f, ast.copy_location(ast.Name(target.id, ast.Load()), target))
        assign_local(f, target, combine(f, node, node.op, current, lower(f, node.value)), None)
        return
    if isinstance(target, ast.Attribute):
        base = f.once_value(lower(f, target.value))
        if not isinstance(base.type, StructType):
            raise f.refuse(f"fields of {quoted(base.type)} are not assigned", target)
        current = f.once_value(read_field(f, base, target.attr, target))
        result = f.once_value(combine(f, node, node.op, current, lower(f, node.value)))
        write_field(f, base, target.attr, result, target)
        return
    base = f.once_value(lower(f, target.value))
    if not isinstance(base.type, ArrayType | SpanType):
        raise f.refuse(f"items of {quoted(base.type)} are not assigned", target)
    index = f.once_value(index_value(f, target.slice))
    if isinstance(base.type, ArrayType):
        current = f.once_value(read_element(f, base, index, target))
        write_element(f, base, index, f.once_value(combine(f, node, node.op, current, lower(f, node.value))), target)
        return
    current = f.once_value(read_byte(f, base, index, target))
    write_byte(f, base, index, f.once_value(combine(f, node, node.op, current, lower(f, node.value))), target)


@statement(ast.Return)
def give_back(f: FunctionLowering, node: ast.Return) -> None:
    """`return`, `return value`; open scopes are left first."""
    loc = f.loc(node)
    if f.result == NEVER:
        if node.value is not None and (value := lower(f, node.value)).type == NEVER:
            f.finish(value)
            return
        raise f.refuse("this function is declared not to return", node)
    if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None and f.result == NONE):
        if f.result != NONE and not isinstance(f.result, OptionType):
            f.flow.dead = True
            raise f.refuse(f"this function returns {quoted(f.result)}", node, *declared_by(result_of(f)))
        result = None if f.result == NONE else coerce(f, Value(NONE, None, loc, None), f.result, result_of(f)).code
        leave(f, result, loc)
        return
    try:
        value = returned(f, node.value)
    except BaseException:
        f.flow.dead = True
        raise
    if value.type == NONE:
        if value.expr is not None:
            f.emit(ir.Evaluate(value.expr, loc))
        leave(f, None, loc)
        return
    leave(f, value.code, loc)


def returned(f: FunctionLowering, node: ast.expr) -> Value:
    """The result as the function's result type."""
    value = lower(f, node, f.result)
    if f.result == NONE and value.type in (NONE, NEVER):
        return Value(NONE, value.expr, value.loc)
    if value.on_stack:
        raise f.refuse(f"a `Local({value.type})` lives only as long as its function: it cannot be returned", node)
    return coerce(f, value, f.result, result_of(f))


def leave(f: FunctionLowering, result: ir.Expr | None, loc: ir.Loc) -> None:
    """Leaves all scopes, then the function."""
    if f.scopes and result is not None:
        result = f.once(result)
    for scope in reversed(f.scopes):
        scope()
    f.emit(ir.Return(result, loc))
    f.flow.dead = True


@statement(ast.Assert)
def check(f: FunctionLowering, node: ast.Assert) -> None:
    """`assert condition`: traps when false; text behind it is for readers."""
    code, when_true, _ = condition(f, node.test)
    f.emit(
        ir.If(ir.Unary("not", code, BOOL, f.loc(node)), (ir.Trap("assertion failed", f.loc(node)),), (), f.loc(node))
    )
    f.flow = when_true


@statement(ast.Expr)
def effect(f: FunctionLowering, node: ast.Expr) -> None:
    """An expression for its effect; results that tell of errors must not be dropped."""
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return
    value = lower(f, node.value)
    kind = value.type
    if must_use(kind):
        raise f.refuse(
            f"the result of type {quoted(kind)} is dropped: it may tell of an error",
            node,
            help="test it, or assign it to a local",
        )
    acts = isinstance(node.value, ast.Call)
    if kind in (LITERAL, STATIC) or (value.is_static and not (kind == NONE and acts)):
        raise f.refuse("this statement has no effect", node)
    if kind == NEVER:
        f.finish(value)
    elif value.expr is not None:
        if not (has_effect(value.expr) or isinstance(node.value, ast.BoolOp | ast.IfExp)):
            raise f.refuse("this statement has no effect", node)
        f.emit(ir.Evaluate(value.expr, f.loc(node)))


def has_effect(code: ir.Expr) -> bool:
    """A call, or an access that devices or other processors see; a check that may trap is no reason to write it."""
    if isinstance(code, ir.Sequence):
        return has_effect(code.result)
    if isinstance(code, ir.Convert):
        return has_effect(code.value)
    if isinstance(code, ir.Compare):
        return has_effect(code.left)
    if isinstance(code, ir.Load):
        return code.volatile or code.order != ""
    return isinstance(
        code, ir.Call | ir.CallIndirect | ir.AtomicUpdate | ir.CompareExchange | ir.MmioRead | ir.PortRead
    )


def must_use(kind: Type) -> bool:
    """Results that cannot be dropped."""
    if isinstance(kind, ResultType | OptionType):
        return True
    return isinstance(kind, EnumType) and bool(getattr(kind.cls, "must_use", False))
