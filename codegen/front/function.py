"""One function on its way to the IR: its locals, the statement list being filled, what is known here, its errors."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from codegen.front.diagnostics import Absorbed, Diagnostic, Label, Refused, refuse
from codegen.front.flow import Flow
from codegen.front.source import Source
from codegen.front.types import NEVER, Type, is_local, quoted
from codegen.front.values import Value, is_stable
from codegen.ir import nodes as ir
from codegen.ir.types import VOID

if TYPE_CHECKING:
    from codegen.front.names import Outside
    from codegen.front.program import ProgramLowering


@dataclass(slots=True)
class Variable:
    """A local. `local` is None for a build-time value (unrolled loops) and where an error left no type."""

    name: str
    type: Type | None
    loc: ir.Loc
    local: ir.Local | None = None
    static: Value | None = None
    on_stack: bool = False


@dataclass(slots=True)
class LoopFrame:
    """An enclosing loop. An unrolled one has labels of the Blocks that break and continue leave."""

    break_label: int | None
    continue_label: int | None
    scopes: int
    breaks: list[Flow] = field(default_factory=list)
    continues: list[Flow] = field(default_factory=list)


@dataclass(slots=True)
class FunctionLowering:
    """All state of lowering one function. `names` resolves what stands outside;
    `assigned_names` are all names that the body assigns, `where` binds type variables."""

    program: ProgramLowering
    source: Source
    node: ast.FunctionDef
    names: Outside
    assigned_names: frozenset[str]
    result: Type
    unchecked: bool = False
    where: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    locals: list[ir.Local] = field(default_factory=list)
    out: list[ir.Stmt] = field(default_factory=list)
    flow: Flow = field(default_factory=Flow)
    loops: list[LoopFrame] = field(default_factory=list)
    scopes: list[Callable[[], None]] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    calls: list[tuple[str, ir.Loc]] = field(default_factory=list)
    slots: dict[tuple[ast.AST, type], ir.StackSlot] = field(default_factory=dict)
    counter: int = 0

    # ---- places and errors

    def loc(self, node: ast.AST) -> ir.Loc:
        """Where a node stands."""
        return self.source.loc(node)

    def refuse(self, message: str, node: ast.AST, *labels: Label, help: str = "") -> Refused:
        """The exception that ends the check of this statement."""
        return refuse(message, self.loc(node), *labels, help=help)

    def refuse_name(self, message: str, node: ast.AST, *labels: Label, help: str = "") -> Refused:
        """The same, at the name that a member or a keyword argument has of its own."""
        return refuse(message, self.source.name_loc(node), *labels, help=help)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Records the error of one statement, or of one part of it, and goes on."""
        try:
            yield
        except Refused as refused:
            self.diagnostics.append(refused.diagnostic)
        except Absorbed:
            pass

    # ---- emitting

    def emit(self, statement: ir.Stmt) -> None:
        """Appends to the current list; what cannot be reached is dropped."""
        if not self.flow.dead:
            self.out.append(statement)

    @contextmanager
    def collect(self) -> Iterator[list[ir.Stmt]]:
        """Statements emitted inside go to the list that this gives."""
        outer, self.out = self.out, []
        try:
            yield self.out
        finally:
            self.out = outer

    def next_number(self) -> int:
        """A number for a local, slot or label; unique in the function."""
        self.counter += 1
        return self.counter

    def new_local(self, name: str, kind: Any, loc: ir.Loc, shape: str = "") -> ir.Local:
        """A local of this IR type; with a shape it is one of the source's, which debuggers show."""
        local = ir.Local(self.next_number(), name, kind, loc, shape)
        self.locals.append(local)
        return local

    def once(self, expression: ir.Expr, name: str = "t") -> ir.Expr:
        """Computes it now, unless it can be computed at any time; the result can be used many times."""
        if is_stable(expression):
            return expression
        local = self.new_local(name, expression.type, expression.loc)
        self.emit(ir.SetLocal(local, expression, expression.loc))
        return local

    def once_value(self, value: Value, name: str = "t") -> Value:
        """The same for a value."""
        if value.expr is None or value.expr.type == VOID or value.gs:
            return value
        return Value(value.type, self.once(value.expr, name), value.loc, value.static, value.on_stack)

    def sequence(self, steps: list[ir.Stmt], value: Value) -> Value:
        """The value after the steps."""
        if not steps:
            return value
        expr = ir.Sequence(tuple(steps), value.code, value.code.type, value.loc)
        return Value(value.type, expr, value.loc, value.static, value.on_stack)

    # ---- locals

    def declare(self, name: str, kind: Type, node: ast.AST) -> Variable:
        """A local of this type, at its first assignment; or the existing one, which must agree."""
        variable = self.variables.get(name)
        loc = self.loc(node)
        if variable is None or variable.static is not None:
            if not is_local(kind):
                raise refuse(f"a local cannot hold {quoted(kind)}", loc, help=local_help(kind))
            variable = Variable(name, kind, loc, self.new_local(name, kind.ir, loc, self.program.shapes.of(kind)))
            self.variables[name] = variable
        elif variable.type is None:
            raise Absorbed
        return variable

    def poison(self, name: str, node: ast.AST) -> None:
        """After an error: uses of this local are not reported again."""
        if name not in self.variables:
            self.variables[name] = Variable(name, None, self.loc(node))
        self.flow.assigned.add(name)

    def finish(self, value: Value) -> Value:
        """Marks the point after a call that does not return as unreachable."""
        if value.type == NEVER:
            self.emit(ir.Evaluate(value.code, value.loc))
            self.emit(ir.Unreachable(value.loc))
            self.flow.dead = True
        return value


def local_help(kind: Type) -> str:
    """What to write instead of an untyped number and the like."""
    text = str(kind)
    return "give it a type: `n = u32(0)`" if text == "an untyped number" else ""
