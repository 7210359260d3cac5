"""Random statements of one function, of every form that the language has: here those that hold others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.random_programs.kinds import (
    BOOL,
    INTEGERS,
    U32,
    USIZE,
    BitsKind,
    EnumKind,
    IntKind,
    Kind,
    OptionKind,
    ResultKind,
    StructKind,
)
from tests.random_programs.places import Local
from tests.random_programs.steps import Steps
from tests.random_programs.world import World


@dataclass
class Statements(Steps):
    """Writes a whole body."""

    def body(self, count: int, depth: int) -> None:
        """So many statements, nested at most `depth` deep."""
        for _ in range(count):
            self.statement(depth)

    def statement(self, depth: int) -> None:
        simple: list[Callable[[], None]] = [
            self.declare, self.declare, self.declare, self.assign, self.assign, self.augment, self.augment,
            self.store, self.store, self.store, self.unpack, self.atomic_step, self.write_register, self.copy,
            self.call_any, self.call_any, self.call_any, self.check, self.write_text, self.span_step, self.instruction,
        ]  # fmt: skip
        if depth <= 0 or self.likely(0.6) or self.cost + 8 * self.weight > self.budget:
            self.rng.choice(simple)()
            return
        nested: list[Callable[[int], None]] = [
            self.branch, self.branch, self.over_range, self.over_range, self.while_loop, self.static_loop,
            self.static_loop, self.match, self.match, self.scope, self.option, self.option, self.error, self.view,
            self.static_branch,
        ]  # fmt: skip
        self.rng.choice(nested)(depth - 1)

    # ---- control

    def few(self) -> int:
        return self.rng.randint(1, 4)

    def branch(self, depth: int) -> None:
        self.emit(f"if {self.truth(3)}:")
        with self.block():
            self.body(self.few(), depth)
            self.leave()
        if self.likely(0.3):
            self.emit(f"elif {self.truth(2)}:")
            with self.block():
                self.body(self.few(), depth)
        if self.likely(0.5):
            self.emit("else:")
            with self.block():
                self.body(self.few(), depth)

    def leave(self) -> None:
        """Sometimes the end of a block leaves a loop or the function."""
        if self.loops and self.likely(0.35):
            self.emit(self.rng.choice(("break", "continue")))
        elif self.likely(0.06):
            self.give_back()

    def give_back(self) -> None:
        self.emit("return" if self.result is None else f"return {self.value(self.result, 3)}")

    def over_range(self, depth: int) -> None:
        trips = self.rng.randint(1, 5)
        kind = self.rng.choice(INTEGERS)
        name = self.fresh("x")
        choice = self.rng.randrange(4)
        if choice == 0:
            kind, start, last = USIZE, 0, trips
            text = f"range({trips})"
        elif choice == 1:
            start, last = 0, trips
            text = f"range({kind}({trips}))"
        elif choice == 2:
            step = self.rng.randint(1, 5)
            last = self.rng.choice((kind.high, trips * step, 50))
            start = max(last - trips * step, kind.low)
            text = f"range({kind}({start}), {last}, {step})"
        else:
            number = self.fitted(kind, self.number(kind, 1), 0, trips)
            start, last = 0, max(number.high, 1)
            text = f"range({number.text})"
            if last > 6:
                start, last = 0, 3
                text = f"range({kind}(3))"
            trips = last
        self.emit(f"for {name} in {text}:")
        self.loops += 1
        with self.block(trips):
            self.locals.append(Local(name, kind, min(start, last), last, fixed=True))
            self.body(self.few(), depth)
        self.loops -= 1

    def while_loop(self, depth: int) -> None:
        """Its counter only falls; `break` may come before."""
        name, trips, kind = self.fresh("n"), self.rng.randint(1, 5), self.rng.choice(INTEGERS)
        self.emit(f"{name} = {kind}({trips})")
        endless = self.likely(0.3)
        self.emit(
            "while True:" if endless else f"while {name} > 0{f' and {self.truth(2)}' if self.likely(0.3) else ''}:"
        )
        self.loops += 1
        with self.block(trips):
            if endless:
                self.emit(f"if {name} == 0:")
                with self.block():
                    self.emit("break")
            self.emit(f"{name} -= 1")
            self.body(self.few(), depth)
        self.loops -= 1

    def static_loop(self, depth: int) -> None:
        """Unrolled over numbers."""
        name = self.fresh("c")
        kind = self.rng.choice(INTEGERS)
        values = [self.literal(kind) for _ in range(self.rng.randint(1, 3))]
        self.emit(f"for {name} in static(({', '.join(map(str, values))},)):")
        self.loops += 1
        with self.block(len(values)):
            copy = self.fresh()
            self.emit(f"{copy} = {kind}({name})")
            self.locals.append(Local(copy, kind, min(values), max(values), fixed=True))
            if self.likely(0.4):
                self.emit(f"if {self.truth(2)}:")
                with self.block():
                    self.emit(self.rng.choice(("break", "continue")))
            self.body(self.few(), depth)
        self.loops -= 1

    def static_branch(self, depth: int) -> None:
        self.emit(f"if static(sizeof({self.rng.choice(INTEGERS)}) {self.rng.choice(('==', '>', '<'))} 4):")
        with self.block():
            self.body(self.few(), depth)
        self.emit("else:")
        with self.block():
            self.body(self.few(), depth)

    def match(self, depth: int) -> None:
        kinds: list[EnumKind | IntKind] = [*self.world.enums, *INTEGERS]
        kind = self.rng.choice(kinds)
        complete = False
        if isinstance(kind, EnumKind):
            self.emit(f"match {self.value(kind, 2)}:")
            names = [f"{kind}.{name}" for name, _ in kind.members]
            chosen = self.rng.sample(names, self.rng.randint(1, len(names)))
            complete = len(chosen) == len(names)
        else:
            number = self.fitted(kind, self.number(kind, 2), 0, 7)
            self.emit(f"match {number.text}:")
            chosen = [str(each) for each in self.rng.sample(range(8), 4)]
        self.indent += 1
        while chosen:
            together = [chosen.pop() for _ in range(min(len(chosen), self.rng.randint(1, 2)))]
            self.emit(f"case {' | '.join(together)}:")
            with self.block():
                self.body(self.few(), depth)
                if self.likely(0.3):
                    self.leave()
        if not complete and self.likely(0.7):
            self.emit("case _:")
            with self.block():
                self.body(self.few(), depth)
        self.indent -= 1

    def scope(self, depth: int) -> None:
        self.emit("with GUARD:")
        with self.block():
            self.body(self.few(), depth)
            self.leave()

    def option(self, depth: int) -> None:
        """A value that may be absent, tested in one of several ways."""
        name = self.fresh("o")
        item: Kind
        if self.likely(0.4):
            outer, cell = self.rng.choice(self.references())
            item = cell.kind
            self.emit(f"{name} = {self.reference(outer)}.{cell.name}")
        else:
            results = [f.result for f in self.world.functions if isinstance(f.result, OptionKind)]
            items: list[Kind] = [*INTEGERS, *self.world.enums]
            kind = self.rng.choice([*results, OptionKind(self.rng.choice(items))])
            item = kind.item
            text = self.union(kind, 2)
            self.emit(f"{name}: {kind} = {text}")
        self.narrowed(name, item, f"{name} is not None", depth, self.likely(0.5))

    def narrowed(self, name: str, item: Kind, test: str, depth: int, other: bool) -> None:
        """A block where `test` tells that the local holds an item."""
        self.emit(f"if {test}:")
        with self.block():
            local = self.changing(name, item)
            local.fixed = True
            self.locals.append(local)
            if isinstance(item, IntKind | EnumKind):
                target = self.place(item)
                if target is not None:
                    self.emit(f"{target} = {name}")
            if isinstance(item, StructKind):
                for cell in item.cells:
                    if cell.form == "field" and cell.kind == BOOL:
                        self.emit(f"GUARD.left = GUARD.left.rotate_left(1) ^ u32({name}.{cell.name})")
                    elif cell.form == "field" and isinstance(cell.kind, IntKind):
                        self.emit(f"{(copy := self.fresh())} = {name}.{cell.name}")
                        self.locals.append(self.changing(copy, cell.kind))
            self.body(self.few(), depth)
        if other:
            self.emit("else:")
            with self.block():
                self.body(self.few(), depth)

    def error(self, depth: int) -> None:
        """A result or an error."""
        results = [f for f in self.world.functions if isinstance(f.result, ResultKind) and self.affordable(f)]
        if not results:
            return self.option(depth)
        function = self.rng.choice(results)
        assert isinstance(function.result, ResultKind)
        name, error = self.fresh("r"), function.result.error
        self.emit(f"{name} = {self.call(function)}")
        self.emit(f"if isinstance({name}, {error}):")
        with self.block():
            target = self.place(error)
            if target is not None:
                self.emit(f"{target} = {name}")
            self.body(self.few(), depth)
        self.emit("else:")
        with self.block():
            local = self.changing(name, function.result.item)
            local.fixed = True
            self.locals.append(local)
            self.body(self.few(), depth)
        return None

    def view(self, depth: int) -> None:
        """A layout laid over bytes, or nothing where it does not fit."""
        kind = self.structs()[0]
        name = self.fresh("w")
        start = self.rng.randint(0, 40)
        offset = self.fitted(U32, self.number(U32, 1), 0, 48).text if self.likely(0.5) else str(start)
        self.emit(f"{name} = span_of(BUFFER).view({offset}, {kind})")
        self.narrowed(name, kind, f"{name} is not None", depth, self.likely(0.3))


def is_plain(kind: Kind | None) -> bool:
    """Whether values of the kind can be written down as arguments of a call from outside."""
    return isinstance(kind, IntKind | EnumKind | BitsKind) or kind == BOOL


def argument(world: World, kind: Kind) -> str:
    """A value of a kind for a call from outside."""
    maker = Statements(world, world.rng, 0)
    if isinstance(kind, IntKind):
        return maker.constant(kind).text
    if isinstance(kind, EnumKind):
        return f"{kind}.{world.rng.choice(kind.members)[0]}"
    if isinstance(kind, BitsKind):
        return f"{kind}.of({maker.constant(kind.repr).text})"
    return world.rng.choice(("True", "False"))
