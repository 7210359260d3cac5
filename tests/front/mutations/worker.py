"""`python -m tests.front.mutations.worker WORLD < mutants > outcomes`, both JSON, one mutant or outcome a line.

A world is one set of modules that is compiled together: an image or a loader. Each mutant runs in a process forked from
this one. A mistake in the body of an `@fn` is tried on the program as it was lowered once, by lowering that function
again; any other on modules imported anew, by lowering first what names the changed definition, then everything.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.machinery
import json
import os
import pkgutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from codegen.asm.stub import assemble_stub
from codegen.front.build_time import diagnose
from codegen.front.diagnostics import Diagnostic
from codegen.front.lower import begin_program, lower_function, module_functions, unique, with_diagnostic
from codegen.front.program import ProgramLowering, TargetInfo, place_of
from codegen.front.recursion import recursion
from codegen.front.source import definition, find_definitions, source_of
from codegen.ir.show import show_function, show_program
from codegen.ir.verify import FunctionVerifier, verify
from codegen.lang.routines import Fn
from tests.front.mutations.kinds import ROOT, Mutant

SECONDS = 20  # for one mutant: one may loop for ever while its module is imported
NEUTRAL = (
    "hypervisor.main",
    "hypervisor.sched.start",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
)
LOADER = ("console", "elf", "iso9660", "load", "memory_map", "menu", "processor", "serial")


@dataclass(frozen=True)
class World:
    """`packages`: all of their modules too. `ours`: the prefixes of modules that belong to the program."""

    modules: tuple[str, ...]
    packages: tuple[str, ...] = ()
    ours: tuple[str, ...] = ("hypervisor.", "drivers.", "boot.")
    pointer_bits: int = 64


WORLDS = {
    "vt-x": World(NEUTRAL, ("hypervisor.vcpu.vmx",)),
    "amd-v": World(NEUTRAL, ("hypervisor.vcpu.svm",)),
    "bios": World(tuple(f"boot.load.{n}" for n in LOADER) + ("boot.bios.main",), pointer_bits=32),
    "uefi": World(tuple(f"boot.load.{n}" for n in LOADER) + ("boot.uefi.main",)),
}


@dataclass
class Baseline:
    """What the unchanged sources give: the program, and its text by function."""

    program: ProgramLowering
    functions: dict[str, str]
    text: str


def imported(world: World) -> list[ModuleType]:
    for name in world.modules:
        importlib.import_module(name)
    for name in world.packages:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(found.name)
    return [module for name, module in sys.modules.items() if name.startswith(world.ours)]


def started(world: World, modules: list[ModuleType]) -> ProgramLowering:
    return begin_program((), modules, TargetInfo(world.pointer_bits, assemble=assemble_stub))


def lowered(world: World, modules: list[ModuleType]) -> ProgramLowering:
    """Everything, also what nothing calls."""
    program = started(world, modules)
    for routine in module_functions(modules):
        with_diagnostic(program, routine)
    drain(program, lambda _: True)
    program.diagnostics.extend(recursion(program.calls))
    return program


def drain(program: ProgramLowering, wanted: Callable[[Fn], bool]) -> None:
    while program.queue:
        routine, symbol = program.queue.pop(0)
        if wanted(routine):
            lower_function(program, routine, symbol)


def baseline(world: World) -> Baseline:
    modules = imported(world)
    program = lowered(world, modules)
    assert not program.diagnostics, "\n".join(d.render() for d in program.diagnostics[:5])
    verify(program.program)
    functions = {symbol: show_function(function) for symbol, function in program.program.functions.items()}
    return Baseline(program, functions, show_program(program.program))


# ---- one mutant


def refused(diagnostics: list[Diagnostic]) -> dict[str, Any]:
    return {"outcome": "refused", "detail": "".join(d.render() for d in unique(diagnostics))}


def change_source(mutant: Mutant) -> bytes:
    """Puts the mistake into the source as the front end has read it."""
    found = source_of(str(ROOT / mutant.file))
    content = mutant.applied((ROOT / mutant.file).read_bytes())
    found.lines[:] = content.decode().splitlines()
    found.tree = ast.parse(content.decode())
    for table in (found.functions, found.definitions, found.classes):
        table.clear()
    find_definitions(found, found.tree.body)
    return content


def try_in_body(base: Baseline, mutant: Mutant) -> dict[str, Any]:
    change_source(mutant)
    program = base.program
    changed = []
    for symbol, function in list(program.program.functions.items()):
        found = definition(function.origin.function.__code__) if function.loc.file == mutant.file else None
        if found is not None and found[1].lineno <= mutant.line <= (found[1].end_lineno or 0):
            changed.append(symbol)
            lower_function(program, function.origin, symbol)
    assert changed, f"no function of {mutant.file} has line {mutant.line}"
    drain(program, lambda _: True)
    program.diagnostics.extend(recursion(program.calls))
    if program.diagnostics:
        return refused(program.diagnostics)
    for symbol in changed:
        FunctionVerifier(program.program, program.program.functions[symbol]).run()
    same = all(base.functions[symbol] == show_function(program.program.functions[symbol]) for symbol in changed)
    return {"outcome": "equivalent" if same else "accepted", "detail": ""}


def try_anew(world: World, base: str, mutant: Mutant) -> dict[str, Any]:
    serve(ROOT / mutant.file, change_source(mutant))
    try:
        modules = imported(world)
    except Exception as error:
        found = diagnose(error)
        if found is None:
            raise
        return refused([found])
    program = started(world, modules)
    named = set(mutant.names)
    first = [routine for routine in module_functions(modules) if named & {*routine.function.__code__.co_names}]
    first += [routine for routine in module_functions(modules) if shown(routine) == mutant.file]
    for routine in first:
        with_diagnostic(program, routine)
    chosen = {id(routine) for routine in first}
    drain(program, lambda routine: id(routine) in chosen)
    if program.diagnostics:
        return refused(program.diagnostics)
    program = lowered(world, modules)
    if program.diagnostics:
        return refused(program.diagnostics)
    verify(program.program)
    return {"outcome": "equivalent" if show_program(program.program) == base else "accepted", "detail": ""}


def shown(routine: Fn) -> str:
    return place_of(routine).file


def serve(path: Path, content: bytes) -> None:
    """The import of this file runs `content`."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: Any, name: str) -> Any:
        if self.path == str(path):
            return compile(content, str(path), "exec", dont_inherit=True)
        return original(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


def in_child(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of work in a process of its own; a traceback, or its end after SECONDS, is an outcome too."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        signal.alarm(SECONDS)
        try:
            result = work()
        except BaseException:
            result = {"outcome": "traceback", "detail": traceback.format_exc()}
        with contextlib.suppress(BrokenPipeError), os.fdopen(writer, "w") as pipe:
            json.dump(result, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if text else {"outcome": "ended", "detail": f"status {status}"}


def main() -> int:
    world = WORLDS[sys.argv[1]]
    mutants = [Mutant(**{**given, "names": tuple(given["names"])}) for given in map(json.loads, sys.stdin)]
    bodies, others = [m for m in mutants if m.body], [m for m in mutants if not m.body]
    # Modules can be imported once: what is tried on modules imported anew comes first, from a process without them.
    text = in_child(lambda: {"text": baseline(world).text})["text"] if others else ""
    for mutant in others:
        report(mutant, in_child(lambda m=mutant: try_anew(world, text, m)))  # type: ignore[misc]
    if bodies:
        base = baseline(world)
        for mutant in bodies:
            report(mutant, in_child(lambda m=mutant: try_in_body(base, m)))  # type: ignore[misc]
    return 0


def report(mutant: Mutant, result: dict[str, Any]) -> None:
    print(json.dumps({"key": mutant.key, "kind": mutant.kind, **result}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
