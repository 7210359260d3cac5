"""A program compiled in units, of which only those are made that no earlier build has made."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from codegen.back.compile import run, shared_job, sites_job, unit_job
from codegen.back.objects import Job
from codegen.back.sites import TRAP
from codegen.front.lower import begin_program, lower_function, make_cold, unique
from codegen.front.program import place_of
from codegen.front.recursion import Calls, recursion
from codegen.front.source import ROOT
from codegen.incremental.memo import FunctionMemo, Memo, UnitMemo
from codegen.incremental.outline import digest, toolchain_digest
from codegen.ir.cold import cold_functions
from codegen.ir.partition import Unit
from codegen.ir.summary import Summary, summarize
from codegen.ir.verify import verify
from codegen.lang.routines import Fn, Routine, StubFn
from codegen.sources import CompileErrors, Sources


class IncrementalBuild:
    """First `summaries()`, then `entries()` and `objects()`. All results are functions of the sources alone: the memo
    only saves the way to them."""

    def __init__(self, sources: Sources, memo: Memo) -> None:
        self.sources = sources
        self.memo = memo
        self.lowering = begin_program(sources.roots, sources.modules, sources.target_info())
        self.symbols = self.lowering.symbols
        self.functions: dict[str, FunctionMemo] = {}
        self.stubs: set[str] = set()
        self.cold: set[str] = set()
        self.interface = self.interface_digest()

    # ---- what everything depends on

    def interface_digest(self) -> str:
        """Of all that a function can see of the project and the compiler, but for bodies of other functions."""
        sources = self.sources
        settings = (sources.target, sources.physical_base, sources.mmio_base)
        parts = [toolchain_digest(), sys.version, version("llvmlite"), version("keystone-engine"), repr(settings)]
        parts += [self.memo.outline(path).interface for path in project_files()]
        parts += [part for each in self.evaluated_texts(Fn.evaluated) for part in each]
        return digest(*parts)

    def text_digest(self, routine: Routine) -> str:
        """Of a function's own text and place; empty where that is part of the interface."""
        found = self.memo.outline(routine.file).functions
        return found.get((routine.line, routine.function.__name__), "")

    def evaluated_texts(self, routines: Iterable[Fn]) -> tuple[tuple[str, str], ...]:
        """Names and texts of functions that CPython ran, sorted."""
        return tuple(sorted({(routine.name, self.text_digest(routine)) for routine in routines}))

    # ---- functions

    def summaries(self) -> dict[str, Summary]:
        """Of every function that the roots reach. Raises CompileErrors."""
        waiting = [self.symbols.of_routine(root) for root in self.sources.roots]
        calls: Calls = {}
        while waiting:
            symbol = waiting.pop()
            routine = self.symbols.routines.get(symbol)
            if routine is None or symbol in calls:
                continue
            if isinstance(routine, StubFn):
                self.stubs.add(symbol)
                external = [name for name in routine.externals if name in self.lowering.exported]
                calls[symbol] = [(name, place_of(routine)) for name in external]
            else:
                found = self.function(symbol, routine)
                calls[symbol] = list(found.calls)
                for table in found.summary.tables:
                    entries = [self.symbols.of_routine(entry) for entry in self.symbols.tables[table].entries]
                    calls.setdefault(table, [(entry, place_of(routine)) for entry in entries])
                    waiting += entries
                waiting += found.summary.calls
            waiting += [callee for callee, _ in calls[symbol]]
        self.lowering.diagnostics.extend(recursion(calls))
        if self.lowering.diagnostics:
            raise CompileErrors(unique(self.lowering.diagnostics))
        summaries = {symbol: each.summary for symbol, each in self.functions.items()}
        self.cold = cold_functions(summaries, calls)
        return {symbol: replace(each, cold=symbol in self.cold) for symbol, each in summaries.items()}

    def function(self, symbol: str, routine: Fn) -> FunctionMemo:
        """Remembered, or lowered now."""
        key = digest(self.interface, symbol, self.text_digest(routine))
        found = self.memo.functions.get(key)
        if found is None or not self.is_current(found):
            found = self.lower(symbol, routine)
        self.functions[symbol] = found
        if not self.lowering.diagnostics:
            self.memo.functions[key] = found
            self.memo.used.add(key)
        return found

    def is_current(self, found: FunctionMemo) -> bool:
        """Whether the functions that CPython ran for this one are as they were."""
        made = Routine.made
        return all(name in made and self.text_digest(made[name][0]) == text for name, text in found.evaluated)

    def lower(self, symbol: str, routine: Fn) -> FunctionMemo:
        """One function to IR."""
        lowering = self.lowering
        Fn.evaluated.clear()
        lowering.callee(routine, place_of(routine))
        lowering.queue.clear()  # whoever is called is found by the summary
        lower_function(lowering, routine, symbol)
        summary = summarize(lowering.program.functions[symbol])
        return FunctionMemo(summary, tuple(lowering.calls[symbol]), self.evaluated_texts(Fn.evaluated))

    def entries(self) -> set[str]:
        """What is reached otherwise than by a direct call: from outside, from tables, from stubs."""
        found = {symbol for symbol, each in self.functions.items() if each.summary.exported}
        for each in self.functions.values():
            for table in each.summary.tables:
                found.update(self.symbols.of_routine(entry) for entry in self.symbols.tables[table].entries)
        for stub in self.stubs:
            routine = self.symbols.routines[stub]
            assert isinstance(routine, StubFn)
            found.update(routine.externals)
        return found & self.functions.keys()

    # ---- objects

    def objects(self, units: Sequence[Unit]) -> list[Path]:
        """The objects of all units, of what they share, and of the trap sites' tables, in the order of linking."""
        keys = {unit.name: self.unit_key(unit) for unit in units}
        stale = [unit for unit in units if not self.is_made(keys[unit.name])]
        for symbol in dict.fromkeys(symbol for unit in stale for symbol in (*unit.own, *unit.copies)):
            if symbol not in self.lowering.program.functions:
                routine = self.symbols.routines[symbol]
                assert isinstance(routine, Fn)
                self.lower(symbol, routine)
        if (trap := self.lowering.exported.get(TRAP)) is not None:
            self.lowering.callee(trap, place_of(trap))  # every failed check calls it
        program, target = self.lowering.program, self.sources.target
        make_cold(program, self.cold & program.declarations.keys())
        verify(program)
        made = {unit.name: unit_job(program, unit, target, self.sources.level, self.sources.debug) for unit in stale}
        sites = [
            (unit.name, made[unit.name][1] if unit.name in made else self.memo.units[keys[unit.name]].sites)
            for unit in units
        ]
        shared_key, shared = self.shared_object()
        jobs = [job for job, _ in made.values()] + [sites_job(sites, target)] + shared
        files = run(jobs, program.intrinsics.values())
        for (name, (_, own)), file in zip(made.items(), files, strict=False):
            self.memo.units[keys[name]] = UnitMemo(file, own)
        if shared:
            self.memo.units[shared_key] = UnitMemo(files[-1], ())
        self.memo.used.update([*keys.values(), shared_key])
        found = [self.memo.units[key].file for key in (*keys.values(), shared_key)]
        return [*found, files[len(made)]]

    def is_made(self, key: str) -> bool:
        """Whether the object is there."""
        found = self.memo.units.get(key)
        return found is not None and found.file.exists()

    def unit_key(self, unit: Unit) -> str:
        """Of all that a unit's object follows from."""
        settings = repr((unit.name, unit.own, unit.copies, sorted(unit.shared), self.sources.level, self.sources.debug))
        symbols = (*unit.own, *unit.copies)
        texts = [self.text_digest(self.symbols.routines[symbol]) for symbol in symbols]
        evaluated = [part for symbol in symbols for part in self.functions[symbol].evaluated]
        near = {*symbols, *(callee for symbol in symbols for callee in self.functions[symbol].summary.calls)}
        return digest(self.interface, settings, *texts, repr(evaluated), *sorted(near & self.cold))

    def shared_object(self) -> tuple[str, list[Job]]:
        """The key of what units share, and how to make it if it is not there."""
        names = sorted({name for each in self.functions.values() for name in each.summary.data})
        tables = sorted({name for each in self.functions.values() for name in each.summary.tables})
        names = [name for name in names if name in self.symbols.statics]
        debug = self.sources.debug
        key = digest(self.interface, *names, "tables", *tables, "stubs", *sorted(self.stubs), str(debug))
        if self.is_made(key):
            return key, []
        lowering = begin_program(self.sources.roots, self.sources.modules, self.sources.target_info())
        for name in names:
            lowering.data(lowering.symbols.statics[name])
        for name in tables:
            table = lowering.symbols.tables[name]
            lowering.table(table, place_of(table.entries[0]))
        for name in sorted(self.stubs):
            routine = lowering.symbols.routines[name]
            lowering.callee(routine, place_of(routine))
        if debug:
            lowering.shapes.describe_all()
        return key, [shared_job(lowering.program, self.sources.target, debug)]


def project_files() -> list[str]:
    """Every imported source file that is neither the compiler's own, nor Python's, nor an installed package's."""
    found = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    places = sysconfig.get_paths()
    foreign = (f"{ROOT / 'codegen'}/", *(f"{places[name]}/" for name in ("stdlib", "platstdlib", "purelib", "platlib")))
    return sorted(path for path in found if path.endswith(".py") and not path.startswith(foreign))
