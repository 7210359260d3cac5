"""Random statements that hold no others: assignments in their forms, accesses of memory and devices, calls, text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.random_programs.expressions import Expressions
from tests.random_programs.kinds import (
    BOOL,
    INTEGERS,
    SPAN,
    U8,
    U32,
    U64,
    UNSIGNED,
    Cell,
    IntKind,
    Kind,
    SpanKind,
    StructKind,
    TupleKind,
)
from tests.random_programs.places import Local

SIGNS = ("+", "-", "*", "&", "|", "^", "<<", ">>")


@dataclass
class Steps(Expressions):
    """Writes the lines of a body. `loops` counts the loops around the place that is being written."""

    result: Kind | None = None
    lines: list[str] = field(default_factory=list)
    indent: int = 1
    loops: int = 0
    names: int = 0

    def emit(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)
        self.cost += self.weight

    def fresh(self, prefix: str = "v") -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    @contextmanager
    def block(self, times: float = 1) -> Iterator[None]:
        """A deeper block that runs so often; what it declares ends with it."""
        known, weight = len(self.locals), self.weight
        self.indent += 1
        self.weight *= times
        before = len(self.lines)
        yield
        if len(self.lines) == before:
            self.emit("pass")
        self.indent -= 1
        self.weight = weight
        del self.locals[known:]

    # ---- locals

    def some_kind(self) -> Kind:
        choices: list[Kind] = [*INTEGERS, *INTEGERS, BOOL, *self.world.enums, *self.world.bit_structs]
        return self.rng.choice((*choices, self.world.scalar(), SPAN, self.rng.choice(self.structs())))

    def declare(self) -> None:
        kind = self.some_kind()
        name = self.fresh()
        if isinstance(kind, SpanKind):
            text, length = self.span(2)
            self.emit(f"{name} = {text}")
            self.locals.append(Local(name, kind, length, length, fixed=True))
        elif isinstance(kind, StructKind):
            if kind.scope or self.likely(0.5):
                self.emit(f"{name} = {self.reference(kind)}")
            else:
                self.emit(f"{name} = Local({kind})")
            self.locals.append(Local(name, kind, fixed=True))
        elif isinstance(kind, IntKind) and self.likely(0.4):
            number = self.number(kind, 3)
            self.emit(f"{name} = {number.text}")
            self.locals.append(Local(name, kind, number.low, number.high, fixed=True))
        else:
            self.emit(f"{name}{f': {kind}' if self.likely(0.2) else ''} = {self.value(kind, 3)}")
            self.locals.append(self.changing(name, kind))

    def changing(self, name: str, kind: Kind) -> Local:
        """A local that is assigned again; nothing is known about its number."""
        low, high = (kind.low, kind.high) if isinstance(kind, IntKind) else (0, 0)
        return Local(name, kind, low, high)

    def changeable(self) -> list[Local]:
        return [each for each in self.locals if not each.fixed]

    def assign(self) -> None:
        known = self.changeable()
        if not known:
            return self.declare()
        local = self.rng.choice(known)
        self.emit(f"{local.name} = {self.value(local.kind, 3)}")

    def augment(self) -> None:
        """`op=` on a local or a cell."""
        kind = self.rng.choice(INTEGERS)
        known = [each.name for each in self.changeable() if each.kind == kind]
        target = self.rng.choice(known) if known and self.likely(0.5) else self.place(kind)
        if target is None:
            return self.assign()
        sign = self.rng.choice(SIGNS)
        if sign in ("<<", ">>"):
            amount = self.fitted(U8, self.number(U8, 1), 0, kind.bits - 1).text
            self.emit(f"{target} {sign}= {self.number(U8, 1).text if self.risky() else amount}")
        elif sign in ("&", "|", "^") or self.risky():
            self.emit(f"{target} {sign}= {self.number(kind, 2).text}")
        elif not kind.signed:
            sign = self.rng.choice(("//", "%"))
            self.emit(f"{target} {sign}= ({self.number(kind, 1).text} | 1)")
        else:
            self.emit(f"{target} &= {kind.high // 2}")
            self.emit(f"{target} {self.rng.choice('+-')}= {self.fitted(kind, self.number(kind, 1), 0, 15).text}")
        return None

    def store(self) -> None:
        kind = self.world.scalar()
        target = self.place(kind)
        if self.likely(0.1):
            return self.link()
        if target is None:
            return self.assign()
        literal = isinstance(kind, IntKind) and self.likely(0.2)
        self.emit(f"{target} = {self.literal(kind) if literal else self.value(kind, 3)}")  # type: ignore[arg-type]
        return None

    def link(self) -> None:
        """A reference in memory."""
        outer, cell = self.rng.choice(self.references())
        assert isinstance(cell.kind, StructKind)
        names = [name for name, kind in self.world.statics if kind == cell.kind] + [
            array.text + f"[{self.index(array.count)}]" for array in self.world.arrays if array.kind == cell.kind
        ]
        value = self.rng.choice([*names, *names, "None"])
        self.emit(f"{self.reference(outer)}.{cell.name} = {value}")

    def references(self) -> list[tuple[StructKind, Cell]]:
        by_name = {kind.name: kind for kind in self.structs()}
        return [
            (outer, Cell(cell.name, cell.form, by_name[str(cell.kind)]))
            for outer in self.structs()
            for cell in outer.cells
            if cell.nullable
        ]

    def unpack(self) -> None:
        if self.likely(0.3):
            kinds = [each.kind for each in self.changeable()]
            twice = [kind for kind in kinds if kinds.count(kind) > 1]
            if twice:
                first, second = self.rng.sample(self.visible_changeable(self.rng.choice(twice)), 2)
                self.emit(f"{first.name}, {second.name} = {second.name}, {first.name}")
                return
        results = [f for f in self.world.functions if isinstance(f.result, TupleKind) and self.affordable(f)]
        if results and self.likely(0.7):
            function = self.rng.choice(results)
            assert isinstance(function.result, TupleKind)
            kind, text = function.result, self.call(function)
        else:
            items: list[Kind] = [*INTEGERS, BOOL, *self.world.enums]
            kind = TupleKind(tuple(self.rng.choices(items, k=2)))
            text = self.value(kind, 2)
        names = [self.fresh() for _ in kind.items]
        self.emit(f"{', '.join(names)} = {text}")
        self.locals += [self.changing(name, item) for name, item in zip(names, kind.items, strict=True)]

    def visible_changeable(self, kind: Kind) -> list[Local]:
        return [each for each in self.changeable() if each.kind == kind]

    # ---- memory, devices, text

    def atomic_step(self) -> None:
        outer, cell = self.rng.choice(self.cells_of_atomics())
        if self.likely(0.5):
            store = self.rng.choice(("store", "store_release"))
            self.emit(f"{self.reference(outer)}.{cell.name}.{store}({self.value(cell.kind, 2)})")
        else:
            self.emit(f"{self.fresh()} = {self.atomic(outer, cell)}")

    def write_register(self) -> None:
        choices = [each for each in self.world.registers if each.access != "RO"]
        if not choices:
            return self.store()
        register = self.rng.choice(choices)
        item = f"[{self.index(register.count)}]" if register.count else ""
        self.emit(f"{register.text}{item}.write({self.value(register.kind, 2)})")
        return None

    def copy(self) -> None:
        kind = self.rng.choice(self.structs())
        if self.likely(0.25):
            self.emit(f"{self.reference(kind)}.zero()")
        else:
            self.emit(f"{self.reference(kind)}.copy_from({self.reference(kind)})")

    def span_step(self) -> None:
        """Bytes: fill, copy (also onto itself), one byte."""
        choice = self.rng.randrange(4)
        if choice == 0:
            self.emit(f"{self.span(1, writable=True)[0]}.fill({self.number(U8, 2).text})")
        elif choice == 1:
            text, length = self.span(1, writable=True)
            self.emit(f"{text}[{self.index(length)}] = {self.number(U8, 2).text}")
        elif self.risky():
            self.emit(f"{self.span(1, writable=True)[0]}.copy_from({self.span(1)[0]})")
        else:
            length = self.rng.randint(1, 24)
            source, size, _ = self.rng.choice(self.world.spans)
            length = min(length, size)
            first, second = self.rng.randint(0, 48 - length), self.rng.randint(0, size - length)
            target = f"span_of(BUFFER).slice({first}, {length})"
            self.emit(f"{target}.copy_from({source}.slice({second}, {length}))")

    def write_text(self) -> None:
        if not self.likely(0.4) or self.cost + 30 * self.weight > self.budget:
            return self.store()
        pieces = []
        for _ in range(self.rng.randint(1, 3)):
            kinds: list[Kind] = [*INTEGERS, BOOL, *self.world.enums, *self.world.bit_structs, SPAN]
            kind = self.rng.choice(kinds)
            form = self.rng.choice(("", "", ":x", ":#x", ":04x", ":#010x", ":7", ":03"))
            if not isinstance(kind, IntKind) or kind.signed and ("x" in form or form == ":03"):
                form = ""
            known = self.visible(kind)
            self.one_line = True
            text = self.rng.choice(known).name if known else self.cell(kind)
            self.one_line = False
            if text is None:
                text, form = "TEXT", ""
            pieces.append(f"{{{text}{form}}}")
        self.cost += 25 * self.weight
        self.emit(f'log(f"{" ".join(pieces)}")')
        return None

    def call_any(self) -> None:
        """A function, directly or through a table, whatever it gives."""
        tables = [each for each in self.world.tables if self.affordable(each[2])]
        choices = [function for function in self.world.functions if self.affordable(function)]
        if tables and self.likely(0.4):
            table, count, function = self.rng.choice(tables)
            self.cost += self.weight * function.cost
            text = f"{table}[{self.index(count, 0.2)}]({self.arguments(function)})"
        elif choices:
            function = self.rng.choice(choices)
            text = self.call(function)
        else:
            return self.store()
        if function.result is None:
            self.emit(text)
        else:
            self.emit(f"{(name := self.fresh())} = {text}")
            self.locals.append(self.changing(name, function.result))
        return None

    def check(self) -> None:
        if self.risky():
            self.emit(f"assert {self.truth(2)}")
            return
        kind = self.rng.choice(UNSIGNED)
        self.emit(f"assert ({self.number(kind, 2).text} & 0x7F{self.broken()}) < 128")

    def instruction(self) -> None:
        """An instruction with a model, a contract, a call that does not return."""
        choice = self.rng.randrange(5)
        if choice == 0:
            names = self.fresh(), self.fresh()
            self.emit(f"{', '.join(names)} = long_multiply({self.number(U64, 1).text}, {self.number(U64, 1).text})")
            self.locals += [self.changing(name, U64) for name in names]
        elif choice == 1:
            self.emit(f"{(name := self.fresh())} = bit_test({self.number(U64, 1).text}, {self.number(U8, 1).text})")
            self.locals.append(self.changing(name, BOOL))
        elif choice == 2:
            self.emit(f"{(name := self.fresh())} = chosen({self.number(U32, 1).text}, {self.truth(1)})")
            self.locals.append(self.changing(name, U32))
        elif choice == 3 and self.risky():
            self.emit(f"if {self.truth(2)}:")
            with self.block():
                self.emit(f"count_down({self.fitted(U32, self.number(U32, 1), 0, 7).text})")
        else:
            self.emit(f"{(name := self.fresh())} = rdtsc()")
            self.locals.append(self.changing(name, U64))
