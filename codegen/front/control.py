"""Branches and loops that run: `if`, `while`, `match`, `break`, `continue`, `with`."""

from __future__ import annotations

import ast
from collections.abc import Callable

from codegen.front.conditions import condition
from codegen.front.diagnostics import suggestion
from codegen.front.enums import UNKNOWN, numbers
from codegen.front.flow import Flow, join
from codegen.front.function import FunctionLowering, LoopFrame
from codegen.front.lowering import adopt, lower, lower_body
from codegen.front.registry import statement
from codegen.front.static import evaluate
from codegen.front.types import LITERAL, NONE, EnumType, IntType, StructType, quoted
from codegen.front.values import Value
from codegen.ir import nodes as ir
from codegen.lang.forms import static
from codegen.lang.routines import Routine


def is_static_call(f: FunctionLowering, node: ast.expr) -> bool:
    """`static(...)` with the language's own function."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)):
        return False
    if isinstance(node.func, ast.Attribute):
        return node.func.attr == "static" and lower(f, node.func).static is static
    return node.func.id not in f.variables and f.names.get(node.func.id) is static


@statement(ast.If)
def branch(f: FunctionLowering, node: ast.If) -> None:
    """`if`; with `static(...)` one arm is kept and the other is left out."""
    if is_static_call(f, node.test):
        assert isinstance(node.test, ast.Call)
        chosen = evaluate(f, node.test.args[0], node.test)
        if not isinstance(chosen, bool):
            raise f.refuse(f"a condition is a bool, not `{type(chosen).__name__}`", node.test)
        check_dead_arm(f, node.orelse if chosen else node.body)
        lower_body(f, node.body if chosen else node.orelse)
        return
    try:
        code, when_true, when_false = condition(f, node.test)
    except Exception:
        check_after_error(f, node)
        raise
    f.flow = when_true
    with f.collect() as then:
        lower_body(f, node.body)
    after_then, f.flow = f.flow, when_false
    with f.collect() as otherwise:
        lower_body(f, node.orelse)
    after_otherwise = f.flow
    f.flow = Flow(set(), {}, False)
    f.emit(ir.If(code, tuple(then), tuple(otherwise), f.loc(node)))
    f.flow = join(after_then, after_otherwise)


def check_after_error(f: FunctionLowering, node: ast.If) -> None:
    """Both arms are still checked when the condition is wrong; their code is thrown away."""
    before = f.flow.copy()
    with f.collect():
        lower_body(f, node.body)
        after, f.flow = f.flow, before
        lower_body(f, node.orelse)
        f.flow = join(after, f.flow)


def check_dead_arm(f: FunctionLowering, body: list[ast.stmt]) -> None:
    """The arm that is left out is checked, but what is wrong with its types may be so for this value only."""
    kept = f.flow.copy(), dict(f.variables), len(f.diagnostics), list(f.locals), len(f.calls), len(f.program.queue)
    seen = dict(f.program.callees)
    with f.collect():
        lower_body(f, body)
    f.flow, f.variables = kept[0], kept[1]
    wrong = f.diagnostics[kept[2] :]
    del f.diagnostics[kept[2] :]
    f.diagnostics.extend(d for d in wrong if "is not in the language" in d.message)
    f.locals[:] = kept[3]
    del f.calls[kept[4] :]
    del f.program.queue[kept[5] :]
    f.program.callees = {key: callee for key, callee in f.program.callees.items() if key in seen}


def assigned_in(nodes: list[ast.stmt]) -> set[str]:
    """Names that these statements assign."""
    found = set()
    for statement_node in nodes:
        for node in ast.walk(statement_node):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


@statement(ast.While)
def loop(f: FunctionLowering, node: ast.While) -> None:
    """`while`."""
    refuse_else(f, node.orelse)
    f.flow.forget(assigned_in(node.body))
    constant_true = isinstance(node.test, ast.Constant) and node.test.value is True
    code, when_true, when_false = condition(f, node.test)
    if constant_true:
        when_false.dead = True
    run_loop(f, code, when_true, when_false, lambda: lower_body(f, node.body), (), f.loc(node))


def run_loop(
    f: FunctionLowering,
    code: ir.Expr,
    inside: Flow,
    after: Flow,
    body: Callable[[], None],
    step: tuple[ir.Stmt, ...],
    loc: ir.Loc,
) -> None:
    """A loop; what is known behind it is what holds when the condition fails and at every break."""
    frame = LoopFrame(None, None, len(f.scopes))
    f.loops.append(frame)
    f.flow = inside
    with f.collect() as statements:
        body()
    f.loops.pop()
    f.flow = Flow()
    f.emit(ir.Loop(code, tuple(statements), step, loc))
    if after.dead and not frame.breaks:
        f.emit(ir.Unreachable(loc))
    for flow in frame.breaks:
        after = join(after, flow)
    f.flow = after


def refuse_else(f: FunctionLowering, orelse: list[ast.stmt]) -> None:
    """`else` of a loop."""
    if orelse:
        raise f.refuse("`else` of a loop is not in the language", orelse[0], help="use a bool local")


@statement(ast.Break)
def leave_loop(f: FunctionLowering, node: ast.Break) -> None:
    """`break`: scopes opened inside the loop are left first."""
    frame = f.loops[-1]
    frame.breaks.append(f.flow.copy())
    leave_scopes(f, frame.scopes)
    f.emit(ir.Break(f.loc(node), frame.break_label))
    f.flow.dead = True


@statement(ast.Continue)
def next_round(f: FunctionLowering, node: ast.Continue) -> None:
    """`continue`."""
    frame = f.loops[-1]
    frame.continues.append(f.flow.copy())
    leave_scopes(f, frame.scopes)
    if frame.continue_label is None:
        f.emit(ir.Continue(f.loc(node)))
    else:
        f.emit(ir.Break(f.loc(node), frame.continue_label))
    f.flow.dead = True


def leave_scopes(f: FunctionLowering, depth: int) -> None:
    """Leaves the scopes that were opened behind this depth, the innermost first."""
    for scope in reversed(f.scopes[depth:]):
        scope()


@statement(ast.With)
def scoped(f: FunctionLowering, node: ast.With) -> None:
    """`with scope:`, entered now and left on every way out."""
    depth = len(f.scopes)
    for item in node.items:
        value = f.once_value(lower(f, item.context_expr), "scope")
        enter, leave = scope_methods(f, value, item.context_expr)
        entered = call_scope(f, enter, value, item.context_expr)
        if item.optional_vars is not None:
            from codegen.front.statements import assign_target

            assign_target(f, item.optional_vars, entered)
        elif entered.expr is not None:
            f.emit(ir.Evaluate(entered.expr, entered.loc))
        f.scopes.append(scope_exit(f, leave, value, item.context_expr))
    lower_body(f, node.body)
    if not f.flow.dead:
        leave_scopes(f, depth)
    del f.scopes[depth:]


def scope_methods(f: FunctionLowering, value: Value, node: ast.AST) -> tuple[Routine, Routine]:
    """`__enter__` and `__exit__` of a struct."""
    if isinstance(value.type, StructType):
        members = vars(value.type.cls)
        enter, leave = members.get("__enter__"), members.get("__exit__")
        if isinstance(enter, Routine) and isinstance(leave, Routine):
            return enter, leave
    raise f.refuse(
        f"{quoted(value.type)} is no scope",
        node,
        help="a scope is a struct whose `__enter__` and `__exit__` are `@fn`s",
    )


def call_scope(f: FunctionLowering, routine: Routine, value: Value, node: ast.AST) -> Value:
    """One of the two methods."""
    callee = f.program.callee(routine, f.loc(node))
    if len(callee.parameters) != 1:
        raise f.refuse(f"{callee.name} takes nothing but self (and star arguments)", node)
    f.calls.append((callee.symbol, f.loc(node)))
    call = ir.Call(callee.symbol, (value.code,), callee.result.ir, f.loc(node))
    return Value(callee.result, call, f.loc(node), None if callee.result == NONE else None)


def scope_exit(f: FunctionLowering, routine: Routine, value: Value, node: ast.AST) -> Callable[[], None]:
    """What leaves the scope, on whichever way."""

    def leave() -> None:
        f.emit(ir.Evaluate(call_scope(f, routine, value, node).code, f.loc(node)))

    return leave


@statement(ast.Match)
def match(f: FunctionLowering, node: ast.Match) -> None:
    """`match` on an integer or an enum: a switch."""
    subject = lower(f, node.subject)
    if not isinstance(subject.type, IntType | EnumType):
        raise f.refuse(f"`match` is for integers and enums, not {quoted(subject.type)}", node.subject)
    before, result = f.flow.copy(), None
    cases: list[tuple[tuple[int, ...], tuple[ir.Stmt, ...]]] = []
    seen: set[int] = set()
    default: tuple[ir.Stmt, ...] | None = None
    for case in node.cases:
        values = None
        with f.guard():
            values = pattern_values(f, case, subject, seen)
        f.flow = before.copy()
        with f.collect() as body:
            lower_body(f, case.body)
        result = f.flow if result is None else join(result, f.flow)
        if values is not None:
            cases.append((tuple(values), tuple(body)))
        else:
            default = tuple(body)
    if default is None:
        default, result = without_default(f, node, subject, seen, before, result)
    f.flow = Flow()
    f.emit(ir.Switch(subject.code, tuple(cases), default, f.loc(node)))
    f.flow = before if result is None else result


def without_default(
    f: FunctionLowering, node: ast.Match, subject: Value, seen: set[int], before: Flow, result: Flow | None
) -> tuple[tuple[ir.Stmt, ...], Flow]:
    """A match of all members of an enum is complete (assembly may pass another number); others go on behind it."""
    if isinstance(subject.type, EnumType):
        if seen >= set(numbers(subject.type)) and result is not None:
            return (ir.Trap(UNKNOWN, f.loc(node)),), result
    return (), before if result is None else join(result, before)


def pattern_values(f: FunctionLowering, case: ast.match_case, subject: Value, seen: set[int]) -> list[int] | None:
    """The numbers that a case takes; None for `_`."""
    if case.guard is not None:
        raise f.refuse("guards are not in the language", case.guard, help="write an `if` inside the case")
    pattern = case.pattern
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None and pattern.name is None:
        return None
    choices = pattern.patterns if isinstance(pattern, ast.MatchOr) else [pattern]
    found = []
    for choice in choices:
        if not isinstance(choice, ast.MatchValue):
            name = getattr(choice, "name", None)
            advice = "a bare name would catch everything: write `_`" if name else "cases are members, numbers and `_`"
            raise f.refuse("this pattern is not in the language", choice, help=advice)
        number = pattern_number(f, choice, subject)
        if number in seen:
            raise f.refuse("an earlier case takes this value", choice)
        seen.add(number)
        found.append(number)
    return found


def pattern_number(f: FunctionLowering, choice: ast.MatchValue, subject: Value) -> int:
    """The number of a constant of the subject's type."""
    value = lower(f, choice.value)
    if value.type == LITERAL:
        value = adopt(value, subject.type)
    if value.type != subject.type or not isinstance(value.expr, ir.Const):
        advice = suggestion(ast.unparse(choice.value), [])
        raise f.refuse(
            f"a case of {quoted(subject.type)} is a constant of that type, not {quoted(value.type)}",
            choice,
            help=advice,
        )
    return value.expr.value
