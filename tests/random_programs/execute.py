"""One program in this process: loaded, compiled twice, run three times on the same memory and devices."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from codegen.back.jit import compile_native
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.ir.nodes import KINDS, Loc, Program, Trap
from codegen.ir.verify import verify
from codegen.lang import Fn, Hpa, PerCpu, Span, Struct, host, memory
from codegen.lang import Trap as TrapRaised
from tests.random_programs.prelude import Device

LEVELS = (0, 1, 2)


class NotAProgram(Exception):
    """The text is no program of the language; the message is the compiler's."""


@dataclass(frozen=True)
class Step:
    """What one call did: its result or its trap, the devices' log up to then, and all static memory behind it."""

    outcome: tuple[Any, ...]
    log: tuple[tuple[object, ...], ...]
    content: bytes


@dataclass(frozen=True)
class Loaded:
    """A program's module, its IR, and the bounds of its static memory in the host's."""

    module: ModuleType
    program: Program
    start: int
    end: int


def load(text: str, file: Path) -> Loaded:
    """Writes, imports and lowers a program. NotAProgram when the compiler refuses it."""
    file.write_text(text)
    name = f"random_programs.{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    start = memory.zeroed.top
    spec.loader.exec_module(module)
    from tests.random_programs import prelude

    roots = [thing for thing in vars(module).values() if isinstance(thing, Fn)]
    program, diagnostics = lower_program(roots, [module, prelude], TargetInfo())
    if diagnostics:
        raise NotAProgram("\n".join(each.render() for each in diagnostics))
    verify(program)
    return Loaded(module, program, start, memory.zeroed.top)


def interpreted(loaded: Loaded) -> list[Step]:
    """Under CPython."""
    return run(loaded, lambda function, arguments: function(*arguments))


def native(loaded: Loaded, level: int) -> list[Step]:
    """Compiled for this processor: without optimisation, by the passes for cold code, and by those for the rest."""
    compiled = compile_native(loaded.program, level)
    return run(loaded, lambda function, arguments: compiled.call(function, *arguments))


def run(loaded: Loaded, call: Callable[[Any, tuple[Any, ...]], Any]) -> list[Step]:
    """All calls in order on a fresh machine."""
    host.reset()
    log: list[tuple[object, ...]] = []
    for space, base, size in loaded.module.DEVICES:
        device = Device(log, f"{space} {base:#x}")
        if space == "mmio":
            host.bus.map_mmio(Hpa(base), size, device)
        else:
            host.bus.map_ports(base, size, device)
    for thing in vars(loaded.module).values():
        if isinstance(thing, PerCpu):
            assert thing.current is not None
    steps = []
    for function, arguments in loaded.module.CALLS:
        try:
            outcome: tuple[Any, ...] = ("result", plain(call(function, arguments)))
        except TrapRaised as trap:
            outcome = ("trap", trap.kind, trap.line)
        steps.append(Step(outcome, tuple(log), memory.read(loaded.start, loaded.end - loaded.start)))
        log.clear()
    return steps


def plain(value: Any) -> Any:
    """A result as something that compares with ==: its type and its number, or where it lies."""
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, Struct):
        return type(value).__name__, value._address
    if isinstance(value, Span):
        return bytes(value)
    return type(value).__name__, str(value)


@dataclass(frozen=True)
class Difference:
    """The first call after which two executions do not agree."""

    level: int
    call: int
    text: str

    def __str__(self) -> str:
        return f"CPython and -O{self.level} differ at call {self.call}: {self.text}"


def compare(loaded: Loaded, expected: list[Step], found: list[Step], level: int) -> Difference | None:
    """The first difference of two runs."""
    for number, (want, have) in enumerate(zip(expected, found, strict=True)):
        function = loaded.module.CALLS[number][0].name.rsplit(".", 1)[-1]
        if want.outcome != have.outcome:
            return Difference(level, number, f"{function} gave {want.outcome} and {have.outcome}")
        if want.log != have.log:
            pairs = zip((*want.log, None), (*have.log, None), strict=False)
            first = next(pair for pair in pairs if pair[0] != pair[1])
            return Difference(level, number, f"{function}: the devices saw {first[0]} and {first[1]}")
        if want.content != have.content:
            place = next(i for i in range(len(want.content)) if want.content[i] != have.content[i])
            return Difference(level, number, f"{function}: memory differs in {named_place(loaded.start + place)}")
    return None


def named_place(address: int) -> str:
    """Which static memory holds an address."""
    from codegen.lang.statics import static_at

    found = static_at(address)
    if found is None:
        return f"{address:#x}"
    return f"{found[0].kind} of {getattr(found[0].element, '__name__', '?')} at byte {found[1]}"


def difference(loaded: Loaded, expected: list[Step]) -> Difference | None:
    """Runs both native forms against what CPython did."""
    for level in LEVELS:
        found = compare(loaded, expected, native(loaded, level), level)
        if found is not None:
            return found
    return None


def nodes(loaded: Loaded) -> Counter[str]:
    """How often each kind of IR node stands in the program; operators and traps also by what they are."""
    found: Counter[str] = Counter()
    for function in loaded.program.functions.values():
        for node in walk(function.body):
            name = type(node).__name__
            found[name] += 1
            operator = node.kind if isinstance(node, Trap) else getattr(node, "op", None)
            if operator is not None:
                found[f"{name} {operator}{' checked' if getattr(node, 'check', False) else ''}"] += 1
    return found


def walk(thing: Any) -> Iterator[Any]:
    """All nodes of a tree."""
    if isinstance(thing, tuple):
        for each in thing:
            yield from walk(each)
    elif is_dataclass(thing):
        if isinstance(thing, Loc):
            return
        if type(thing) in KINDS:
            yield thing
        for each in fields(thing):
            value = getattr(thing, each.name)
            if isinstance(value, tuple) or is_dataclass(value):
                yield from walk(value)


def traps(steps: list[Step]) -> Counter[str]:
    """How many calls ended, by kind of trap; "result" for those that came back."""
    return Counter(step.outcome[1] if step.outcome[0] == "trap" else "result" for step in steps)
