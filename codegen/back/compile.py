"""Programs, and units of programs, to objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.back.declarations import shared_module, sites_module
from codegen.back.errors import BadAssembly, BadLlvmText
from codegen.back.llvm_text import ModuleText
from codegen.back.objects import ChildFailed, Job, compile_jobs
from codegen.back.sites import Site
from codegen.back.target import Target
from codegen.ir.nodes import Intrinsic, Program
from codegen.ir.partition import Unit


@dataclass(frozen=True, slots=True)
class Compiled:
    """`text` is the LLVM text before optimisation; `sites` are (kind, file, line) by trap number."""

    content: bytes
    text: str
    sites: tuple[Site, ...]


WITHOUT_HOT = 1
"""LLVM's level for units without a hot function: they become no larger than by level 2."""


def compile_program(
    program: Program, target: Target, *, level: int = 2, debug: bool = True, form: str = "object"
) -> Compiled:
    """The whole program as one object ("object"), as assembly ("assembly") or as optimised LLVM text ("llvm").

    Raises BadAssembly naming the intrinsic, and BadLlvmText for a bug of ours.
    """
    module = ModuleText(program, target, debug=debug, optimised=level > 0)
    text = module.text()
    (file,) = run([Job(text, target, level, form)], program.intrinsics.values())
    return Compiled(file.read_bytes(), text, tuple(module.sites.all))


def unit_job(program: Program, unit: Unit, target: Target, level: int, debug: bool) -> tuple[Job, tuple[Site, ...]]:
    """How to make a unit's object, and its trap sites. `program` has the functions that the unit defines and copies."""
    own = [program.functions[symbol] for symbol in unit.own]
    if not any(function.hot for function in own):
        level = min(level, WITHOUT_HOT)
    quick = level > 0 and all(function.cold for function in own)
    module = ModuleText(program, target, debug=debug, unit=unit, optimised=level > 0, inline_once=quick)
    return Job(module.text(), target, level, quick=quick), tuple(module.sites.all)


def shared_job(program: Program, target: Target, debug: bool) -> Job:
    """What all units share: static memory, tables of functions, stubs, the functions that LLVM calls by itself, and for
    debuggers the layouts."""
    return Job(shared_module(ModuleText(program, target, debug=debug)), target, 0)


def sites_job(units: Sequence[tuple[str, Sequence[Site]]], target: Target) -> Job:
    """The tables that turn the number of a trap site into words, for units by name in this order."""
    return Job(sites_module(ModuleText(Program(), target, debug=False), units), target, 2)


def run(jobs: Sequence[Job], intrinsics: Iterable[Intrinsic]) -> list[Path]:
    """The files, in the jobs' order. Raises BadAssembly and BadLlvmText with LLVM's message."""
    try:
        return compile_jobs(jobs)
    except ChildFailed as failed:
        message = str(failed)
    if "<inline asm>" in message:
        raise BadAssembly(f"{blamed(message, tuple(intrinsics))}: LLVM refuses the instruction\n{message}")
    raise BadLlvmText(message)


def blamed(message: str, intrinsics: tuple[Intrinsic, ...]) -> str:
    """The intrinsics one of whose lines LLVM shows in its message."""
    shown = [line.strip() for line in message.splitlines()]
    found = [
        intrinsic.symbol
        for intrinsic in intrinsics
        if any(_line_pattern(line).fullmatch(text) for line in _lines(intrinsic.template) for text in shown)
    ]
    return ", ".join(found) if found else "an intrinsic, or a runtime function"


def _lines(template: str) -> list[str]:
    return [line.strip() for line in re.split(r"[\n;]", template) if line.strip()]


def _line_pattern(line: str) -> re.Pattern[str]:
    """The line with anything for its operands."""
    parts = re.split(r"\$\$|\$\{[^}]*\}|\$\d+", line)
    return re.compile(".*" + r"\S+".join(re.escape(part) for part in parts) + ".*")
