"""`for`: over a range when the program runs, or unrolled over build-time values."""

from __future__ import annotations

import ast
from typing import Any

from codegen.front.control import assigned_in, is_static_call, refuse_else, run_loop
from codegen.front.flow import Flow, join
from codegen.front.function import FunctionLowering, LoopFrame, Variable
from codegen.front.lowering import adopt, lower, lower_body
from codegen.front.registry import statement
from codegen.front.static import evaluate
from codegen.front.types import LITERAL, USIZE, ArrayType, IntType, quoted
from codegen.front.values import Value, constant
from codegen.ir import nodes as ir
from codegen.lang import shadows


@statement(ast.For)
def for_loop(f: FunctionLowering, node: ast.For) -> None:
    """Which of the two it is."""
    refuse_else(f, node.orelse)
    if is_static_call(f, node.iter):
        unrolled(f, node)
        return
    if isinstance(node.iter, ast.Call) and not node.iter.keywords:
        target = lower(f, node.iter.func)
        if target.static is shadows.range:
            over_range(f, node, node.iter.args)
            return
        if target.static is range:
            raise f.refuse("this is Python's own `range`", node.iter, help="`from codegen.lang import range`")
    else:
        value = lower(f, node.iter)
        if isinstance(value.type, ArrayType):
            raise f.refuse("arrays are not iterated", node.iter, help="`for i in range(len(array)):`")
    raise f.refuse("a loop goes over `range(...)` or `static(...)`", node.iter)


def over_range(f: FunctionLowering, node: ast.For, arguments: list[ast.expr]) -> None:
    """A hidden counter: the body may assign its variable, which keeps its last value behind the loop."""
    if not isinstance(node.target, ast.Name):
        raise f.refuse("the variable of a range is one name", node.target)
    if not 1 <= len(arguments) <= 3:
        raise f.refuse("range takes one to three arguments", node.iter)
    bounds = [lower(f, argument) for argument in arguments[:2]]
    kind, start, stop = common(f, node, bounds)
    step = step_of(f, arguments)
    loc = f.loc(node.iter)
    first = f.once(start.code, "start")
    last = f.once(stop.code, "stop")
    counter = f.new_local("counter", kind.ir, loc)
    f.emit(ir.SetLocal(counter, first, loc))
    name = node.target.id
    f.flow.forget(assigned_in(node.body) | {name})
    inside, after = f.flow.copy(), f.flow.copy()
    advance = next_value(counter, last, step, kind, loc)

    def body() -> None:
        from codegen.front.statements import assign_local

        assert isinstance(node.target, ast.Name)
        with f.guard():
            assign_local(f, node.target, Value(kind, counter, f.loc(node.target)), None)
        lower_body(f, node.body)

    code = ir.Compare("lt", counter, last, loc)
    run_loop(f, code, inside, after, body, (ir.SetLocal(counter, advance, loc),), f.loc(node))


def next_value(counter: ir.Local, last: ir.Expr, step: int, kind: IntType, loc: ir.Loc) -> ir.Expr:
    """The counter's next value; a step of more than one never runs over the end of the type."""
    ahead = ir.Binary("add", counter, ir.Const(kind.ir, step, loc), kind.ir, False, loc)
    if step == 1 or (isinstance(last, ir.Const) and last.value + step <= kind.high):
        return ahead
    left = ir.Binary("sub", last, counter, kind.ir, False, loc)
    unsigned = ir.Convert(left, type(kind.ir)(kind.ir.bits), False, loc)
    enough = ir.Compare("gt", unsigned, ir.Const(unsigned.type, step, loc), loc)
    return ir.Choose(enough, ahead, last, kind.ir, loc)


def step_of(f: FunctionLowering, arguments: list[ast.expr]) -> int:
    """The third argument: a number of 1 or more, known at build time."""
    if len(arguments) < 3:
        return 1
    step = lower(f, arguments[2])
    if step.type != LITERAL or step.static < 1:
        raise f.refuse("the step of a range is an untyped number of 1 or more", arguments[2])
    return int(step.static)


def common(f: FunctionLowering, node: ast.For, bounds: list[Value]) -> tuple[IntType, Value, Value]:
    """The integer type of the bounds: of the typed one, or usize."""
    typed = [value.type for value in bounds if value.type != LITERAL]
    kind = typed[0] if typed else USIZE
    if not isinstance(kind, IntType):
        raise f.refuse(f"range takes integers, not {quoted(kind)}", node.iter)
    if any(other != kind for other in typed):
        raise f.refuse(f"the ends of this range differ in type: {quoted(typed[0])} and {quoted(typed[1])}", node.iter)
    values = [adopt(value, kind) if value.type == LITERAL else value for value in bounds]
    if len(values) == 1:
        return kind, constant(kind, 0, f.loc(node.iter)), values[0]
    return kind, values[0], values[1]


def unrolled(f: FunctionLowering, node: ast.For) -> None:
    """One copy of the body per value; `break` and `continue` leave labelled blocks."""
    assert isinstance(node.iter, ast.Call)
    if len(node.iter.args) != 1:
        raise f.refuse("static takes one value", node.iter)
    items = evaluate(f, node.iter.args[0], node.iter)
    try:
        values = list(items)
    except TypeError as error:
        raise f.refuse(f"this cannot be iterated: {error}", node.iter) from error
    frame = LoopFrame(f.next_number(), None, len(f.scopes))
    label = frame.break_label
    assert label is not None
    f.loops.append(frame)
    shadowed = {name: f.variables.get(name) for name in target_names(node.target)}
    with f.collect() as whole:
        for item in values:
            one_round(f, node, item, frame)
    f.loops.pop()
    for name, variable in shadowed.items():
        if variable is None:
            f.variables.pop(name, None)
        else:
            f.variables[name] = variable
    after = f.flow
    for flow in frame.breaks:
        after = join(after, flow)
    f.flow = Flow()
    f.emit(ir.Block(label, tuple(whole), f.loc(node)))
    f.flow = after


def one_round(f: FunctionLowering, node: ast.For, item: Any, frame: LoopFrame) -> None:
    """The body for one value."""
    if f.flow.dead:
        return
    bind(f, node.target, item)
    frame.continue_label, frame.continues = f.next_number(), []
    with f.collect() as body:
        lower_body(f, node.body)
    after = f.flow
    for flow in frame.continues:
        after = join(after, flow)
    f.flow = Flow()
    f.emit(ir.Block(frame.continue_label, tuple(body), f.loc(node)))
    f.flow = after


def target_names(target: ast.expr) -> list[str]:
    """All names that a loop binds."""
    return [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]


def bind(f: FunctionLowering, target: ast.expr, item: Any) -> None:
    """A build-time value, or a tuple of them, by name."""
    if isinstance(target, ast.Name):
        value = f.program.lift(item, f.loc(target))
        f.variables[target.id] = Variable(target.id, value.type, f.loc(target), None, value)
        return
    if not isinstance(target, ast.Tuple):
        raise f.refuse("a loop binds names", target)
    parts = list(item)
    if len(parts) != len(target.elts):
        raise f.refuse(f"{len(parts)} values for {len(target.elts)} names", target)
    for element, part in zip(target.elts, parts, strict=True):
        bind(f, element, part)
