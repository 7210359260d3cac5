"""The state of printing one function: lines, temporaries, blocks and its trap blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codegen.back.type_text import register_type
from codegen.ir.nodes import Expr, Function, Loc, Stmt

if TYPE_CHECKING:
    from codegen.back.llvm_text import ModuleText

ExpressionPrinter = Callable[["Writer", Any], str]
StatementPrinter = Callable[["Writer", Any], None]
EXPRESSIONS: dict[type, ExpressionPrinter] = {}
STATEMENTS: dict[type, StatementPrinter] = {}


def prints_expression(node: type) -> Callable[[ExpressionPrinter], ExpressionPrinter]:
    """Registers the printer of a kind of expression; it returns the operand (`%7`, `12`) that holds the value."""

    def register(printer: ExpressionPrinter) -> ExpressionPrinter:
        EXPRESSIONS[node] = printer
        return printer

    return register


def prints_statement(node: type) -> Callable[[StatementPrinter], StatementPrinter]:
    """Registers the printer of a kind of statement."""

    def register(printer: StatementPrinter) -> StatementPrinter:
        STATEMENTS[node] = printer
        return printer

    return register


RESULT = "%result"


class Writer:
    """Prints into one function of a module. Blocks are closed by `terminate`; code behind that starts a dead block."""

    def __init__(self, module: ModuleText, function: Function) -> None:
        self.module = module
        self.function = function
        self.scope = module.debug.subprogram(function) if module.debug else -1
        self.lines: list[str] = []
        self.stack: list[str] = []
        self.current = "entry"
        self.open = True
        self.break_labels: list[tuple[int | None, str]] = []
        self.continue_labels: list[str] = []
        self.results_of_stack_calls: set[int] = set()
        self._names = 0
        self.stack_names: set[str] = set()
        self._trap_blocks: dict[int, tuple[str, Loc]] = {}

    def expression(self, node: Expr) -> str:
        return EXPRESSIONS[type(node)](self, node)

    def typed(self, node: Expr) -> str:
        """The operand behind its type, as calls and stores want it."""
        return f"{register_type(node.type)} {self.expression(node)}"

    def statements(self, body: tuple[Stmt, ...]) -> None:
        for node in body:
            STATEMENTS[type(node)](self, node)

    def location(self, loc: Loc) -> str:
        return self.module.debug.location(loc, self.scope) if self.module.debug else ""

    def emit(self, text: str, loc: Loc) -> None:
        if not self.open:
            self.start(self.label("dead"))
        self.lines.append(f"  {text}{self.location(loc)}")

    def value(self, text: str, loc: Loc) -> str:
        """Emits an instruction with a result; the name of the result."""
        name = self.name()
        self.emit(f"{name} = {text}", loc)
        return name

    def terminate(self, text: str, loc: Loc) -> None:
        self.emit(text, loc)
        self.open = False

    def name(self) -> str:
        self._names += 1
        return f"%v{self._names}"

    def label(self, hint: str) -> str:
        self._names += 1
        return f"{hint}{self._names}"

    def start(self, label: str) -> None:
        """Begins a block. Whatever falls into it must have branched to it before."""
        self.lines.append(f"{label}:")
        self.current = label
        self.open = True

    def jump(self, label: str, loc: Loc) -> None:
        """Branches there if control can get here at all."""
        if self.open:
            self.terminate(f"br label %{label}", loc)

    def join(self, label: str, loc: Loc) -> None:
        self.jump(label, loc)
        self.start(label)

    def allocate(self, name: str, type_: str, align: int = 0) -> str:
        """Stack memory for the whole function, once per name."""
        if name not in self.stack_names:
            self.stack_names.add(name)
            self.stack.append(f"  {name} = alloca {type_}{f', align {align}' if align else ''}")
        return name

    def leave_with(self, value: Expr) -> None:
        """Return an aggregate, from the one block that all of them leave by. LLVM takes one stack cell apart into
        scalars, but not a choice between whole aggregates: inlined results would be tested twice."""
        type_ = register_type(value.type)
        cell = self.allocate(RESULT, type_)
        self.emit(f"store {self.typed(value)}, ptr {cell}", value.loc)
        self.terminate("br label %leave", value.loc)

    def trap_if(self, condition: str, kind: str, loc: Loc) -> None:
        """Goes to a block that calls `trap` when the condition holds; sites of one line and kind share it."""
        site = self.module.sites.number(kind, loc)
        block = self._trap_blocks.setdefault(site, (f"trap{site}", loc))[0]
        following = self.label("ok")
        self.terminate(f"br i1 {condition}, label %{block}, label %{following}", loc)
        self.start(following)

    def trap(self, kind: str, loc: Loc) -> None:
        site = self.module.sites.number(kind, loc)
        self.jump(self._trap_blocks.setdefault(site, (f"trap{site}", loc))[0], loc)

    def finish(self) -> list[str]:
        """The lines of the body: stack memory first, trap blocks last."""
        if self.open:
            self.terminate("unreachable", self.function.loc)
        if RESULT in self.stack_names:
            type_ = register_type(self.function.result)
            self.start("leave")
            value = self.value(f"load {type_}, ptr {RESULT}", self.function.loc)
            self.terminate(f"ret {type_} {value}", self.function.loc)
        for site, (label, loc) in self._trap_blocks.items():
            self.start(label)
            self.emit(self.module.sites.call(site), loc)
            self.terminate("unreachable", loc)
        # Behind the stack memory, which must not depend on debug information: its order decides that of LLVM's phis.
        names = self.module.debug.locals(self) if self.module.debug else []
        return ["entry:", *self.stack, *names, *self.lines]
