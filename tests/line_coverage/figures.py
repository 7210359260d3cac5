"""From the lines that ran to statements of functions, and to figures of files and folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from codegen.ir.line_marks import Line
from tests.line_coverage.functions import RingZeroFunction

EXECUTIONS = ("cpython", "native", "guest")


@dataclass(frozen=True)
class Measured:
    """One function. `lines` are the statements that the compiler makes code of, by their first line; `ran` says for
    each of those that ran, in which executions."""

    function: RingZeroFunction
    lines: frozenset[int]
    ran: Mapping[int, frozenset[str]]


@dataclass(frozen=True)
class Figure:
    """Lines that ran, of how many."""

    ran: int = 0
    of: int = 0

    def __add__(self, other: Figure) -> Figure:
        return Figure(self.ran + other.ran, self.of + other.of)

    @property
    def percent(self) -> float:
        return 100 * self.ran / self.of if self.of else 100.0


@dataclass
class Ran:
    """Lines by execution, and `compiled`: those of both images' IR before optimisation."""

    compiled: set[Line] = field(default_factory=set)
    lines: dict[str, set[Line]] = field(default_factory=lambda: {name: set() for name in EXECUTIONS})


def measured(functions: Iterable[RingZeroFunction], ran: Ran) -> list[Measured]:
    """Every function. One that no image reaches counts with all of its statements: it is dead, and should go."""
    return [_measure(function, ran) for function in functions]


def _measure(function: RingZeroFunction, ran: Ran) -> Measured:
    compiled = _statements(function, ran.compiled)
    lines = compiled or frozenset(function.statements.values())
    hits = {name: _statements(function, found) for name, found in ran.lines.items()}
    return Measured(
        function,
        lines,
        {line: by for line in lines if (by := frozenset(name for name in hits if line in hits[name]))},
    )


def _statements(function: RingZeroFunction, lines: set[Line]) -> frozenset[int]:
    return frozenset(first for line, first in function.statements.items() if (function.file, line) in lines)


def figure(of: Iterable[Measured], execution: str | None = None) -> Figure:
    """Over these functions; of one execution alone, if it is named."""
    total = Figure()
    for each in of:
        ran = sum(1 for by in each.ran.values() if execution is None or execution in by)
        total += Figure(ran, len(each.lines))
    return total


def by_folder(of: Iterable[Measured]) -> dict[str, list[Measured]]:
    """By the folder that holds the file, such as hypervisor/vcpu/vmx."""
    found: dict[str, list[Measured]] = {}
    for each in of:
        found.setdefault(str(PurePosixPath(each.function.file).parent), []).append(each)
    return dict(sorted(found.items()))
