"""Places that expressions read and statements write: cells, elements, registers; and calls, with their arguments."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.random_programs.kinds import U8, UNSIGNED, Cell, EnumKind, IntKind, Kind, StructKind
from tests.random_programs.world import Function, World


@dataclass(frozen=True)
class Number:
    """The text of an integer, and the least and the greatest value that it can have."""

    text: str
    low: int
    high: int


@dataclass
class Local:
    """A variable in scope. `low`, `high`: what a number surely lies between; `fixed`: it is not assigned again."""

    name: str
    kind: Kind
    low: int = 0
    high: int = 0
    fixed: bool = False


@dataclass
class Places:
    """Makes the text of places inside one function. `risk` is the share of operations whose check may fail.

    `budget` is how many statements one call of the function may still run; `weight` how often the place that is
    being written runs.
    """

    world: World
    rng: random.Random
    risk: float
    budget: float = 1000
    weight: float = 1
    cost: float = 1
    one_line: bool = False
    locals: list[Local] = field(default_factory=list)

    # ---- choosing

    def likely(self, share: float) -> bool:
        return self.rng.random() < share

    def risky(self) -> bool:
        return self.rng.random() < self.risk

    def broken(self) -> str:
        """Space, or rarely the end of a line: the place of a trap is a line."""
        return "\n            " if not self.one_line and self.likely(0.08) else " "

    def visible(self, kind: Kind) -> list[Local]:
        return [each for each in self.locals if each.kind == kind]

    # ---- what the expressions of `Expressions` add

    def value(self, kind: Kind, depth: int = 2) -> str:
        """An expression of this kind."""
        raise NotImplementedError

    def number(self, kind: IntKind, depth: int) -> Number:
        """An integer of this kind."""
        raise NotImplementedError

    def fitted(self, kind: IntKind, number: Number, low: int, high: int) -> Number:
        """The number brought between `low` (at most 0) and `high` (at least 0)."""
        raise NotImplementedError

    def span(self, depth: int, writable: bool = False) -> tuple[str, int]:
        """A span and the length that it surely has."""
        raise NotImplementedError

    # ---- places in memory

    def reference(self, kind: StructKind) -> str:
        """A struct that is surely there."""
        choices = [each.name for each in self.visible(kind)]
        choices += [name for name, found in self.world.statics if found == kind]
        for array in self.world.arrays:
            if array.kind == kind and not array.constant:
                choices.append(f"{array.text}[{self.index(array.count)}]")
        for name, outer in self.world.statics:
            for cell in outer.cells:
                if cell.kind == kind and cell.form == "embedded":
                    choices.append(f"{name}.{cell.name}")
                elif cell.kind == kind and cell.form == "array":
                    choices.append(f"{name}.{cell.name}[{self.index(cell.count)}]")
        return self.rng.choice(choices)

    def structs(self) -> list[StructKind]:
        return self.world.structs

    def cells(self, kind: Kind, form: str) -> list[tuple[StructKind, Cell]]:
        return [
            (outer, cell)
            for outer in self.structs()
            for cell in outer.cells
            if cell.kind == kind and cell.form == form and not cell.nullable
        ]

    def index(self, count: int, risk: float = 0) -> str:
        """Of an array of so many; sometimes an untyped literal."""
        known = [each for each in self.locals if each.kind in UNSIGNED]
        if known and (self.risky() or self.likely(risk)):  # only locals: a constant index outside is no program
            local = self.rng.choice(known)
            kind = local.kind
            assert isinstance(kind, IntKind)
            return local.name if count >= kind.high or self.likely(0.4) else f"({local.name} % {count + 1})"
        if self.likely(0.3):
            return str(self.rng.randrange(count))
        if count > 128 and self.likely(0.5):
            return f"({self.number(U8, 1).text} % {min(count, 256) - 128} + 128)"
        kind = self.rng.choice((U8, *UNSIGNED))
        return self.fitted(kind, self.number(kind, 1), 0, count - 1).text

    def place(self, kind: Kind) -> str | None:
        """A cell that can be read and written."""
        choices: list[Callable[[], str]] = []
        for outer, cell in self.cells(kind, "field"):
            choices.append(lambda outer=outer, cell=cell: f"{self.reference(outer)}.{cell.name}")  # type: ignore[misc]
        for outer, cell in self.cells(kind, "array"):
            choices.append(
                lambda outer=outer, cell=cell: f"{self.reference(outer)}.{cell.name}[{self.index(cell.count)}]"  # type: ignore[misc]
            )
        for array in self.world.arrays:
            if array.kind == kind and not array.constant:
                choices.append(lambda array=array: f"{array.text}[{self.index(array.count)}]")  # type: ignore[misc]
        per_cpu = self.world.per_cpu
        assert per_cpu is not None
        for cell in per_cpu.cells:
            if cell.kind == kind:
                way = self.rng.choice(("CPU.current", "CPU.here()"))
                item = f"[{self.index(cell.count)}]" if cell.form == "array" else ""
                choices.append(lambda cell=cell, way=way, item=item: f"{way}.{cell.name}{item}")  # type: ignore[misc]
        if kind == U8:
            text, length = self.span(1, writable=True)
            choices.append(lambda: f"{text}[{self.index(length)}]")
        return self.rng.choice(choices)() if choices else None

    def cell(self, kind: Kind) -> str | None:
        """A cell that is read: also atomics, tables."""
        choices: list[Callable[[], str | None]] = [lambda: self.place(kind), lambda: self.place(kind)]
        for outer, cell in self.cells(kind, "atomic"):
            choices.append(lambda outer=outer, cell=cell: self.atomic(outer, cell))  # type: ignore[misc]
        for array in self.world.arrays:
            if array.constant and array.kind == kind:
                choices.append(lambda array=array: f"{array.text}[{self.index(array.count)}]")  # type: ignore[misc]
            elif array.constant and isinstance(array.kind, StructKind):
                for cell in array.kind.cells:
                    if cell.kind == kind and cell.form == "field":
                        choices.append(
                            lambda array=array, cell=cell: f"{array.text}[{self.index(array.count)}].{cell.name}"  # type: ignore[misc]
                        )
        return self.rng.choice(choices)()

    def atomic(self, outer: StructKind, cell: Cell) -> str:
        """One step on an atomic cell; its value before."""
        place = f"{self.reference(outer)}.{cell.name}"
        operations = ["load()", f"exchange({self.value(cell.kind, 1)})"]
        if isinstance(cell.kind, IntKind):
            name = self.rng.choice(("add", "sub", "or", "and"))
            operations.append(f"fetch_{name}({self.value(cell.kind, 1)})")
            operations.append(operations[-1])
        return f"{place}.{self.rng.choice(operations)}"

    def register_read(self, kind: Kind) -> str | None:
        choices = [each for each in self.world.registers if each.kind == kind and each.access != "WO"]
        if not choices or not self.likely(0.5) or isinstance(kind, EnumKind) and not self.risky():
            return None
        register = self.rng.choice(choices)
        return f"{register.text}{f'[{self.index(register.count)}]' if register.count else ''}.read()"

    # ---- calls

    def call_of(self, kind: Kind) -> str | None:
        """A call of a function with this result, by name, as a method, or through a table."""
        choices = [f for f in self.world.functions if f.result == kind and self.affordable(f)]
        tables = [each for each in self.world.tables if each[2].result == kind and self.affordable(each[2])]
        if tables and self.likely(0.5):
            name, count, function = self.rng.choice(tables)
            self.cost += self.weight * function.cost
            return f"{name}[{self.index(count, 0.2)}]({self.arguments(function)})"
        return self.call(self.rng.choice(choices)) if choices else None

    def affordable(self, function: Function) -> bool:
        return self.cost + self.weight * function.cost <= self.budget

    def call(self, function: Function) -> str:
        self.cost += self.weight * function.cost
        before = f"{self.reference(function.method_of)}." if function.method_of is not None else ""
        return f"{before}{function.name}({self.arguments(function)})"

    def arguments(self, function: Function) -> str:
        values = [(name, self.value(kind, 1)) for name, kind in function.parameters]
        if self.likely(0.8) or not function.parameters:
            return f",{self.broken()}".join(text for _, text in values)
        first = self.rng.randint(0, len(values) - 1)
        named = [f"{name}={text}" for name, text in values[first:]]
        self.rng.shuffle(named)
        return ", ".join([*(text for _, text in values[:first]), *named])
