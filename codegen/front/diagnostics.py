"""Errors as people read them: file, line, column, the source line, carets, a second place, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from codegen.front.source import ROOT, lines_of
from codegen.ir.nodes import Loc


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first, such as a declaration."""

    loc: Loc
    text: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place that wants a value of one type: its name in a sentence, and where that type is declared, found only when
    the value is wrong."""

    name: str
    declared: Callable[[], Label | None]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. `help` says what to write instead."""

    message: str
    loc: Loc
    labels: tuple[Label, ...] = ()
    help: str = ""

    def render(self) -> str:
        """The text that is printed, with a final newline."""
        place = f"{self.loc.file}:{self.loc.line}:{self.loc.column}"
        parts = [f"{place}: error: {self.message}", *excerpt(self.loc)]
        for label in self.labels:
            parts += [f"{label.loc.file}:{label.loc.line}:{label.loc.column}: note: {label.text}", *excerpt(label.loc)]
        if self.help:
            parts.append(f"    help: {self.help}")
        return "\n".join(parts) + "\n"


class Refused(Exception):
    """Ends the check of one statement; its diagnostic is recorded there."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Absorbed(Exception):
    """Ends the check of one statement that uses what an earlier error left without a type; nothing is reported."""


def refuse(message: str, loc: Loc, *labels: Label, help: str = "") -> Refused:
    """Shorthand for raising one diagnostic."""
    return Refused(Diagnostic(message, loc, labels, help))


def declared_by(place: str | Wanted) -> tuple[Label, ...]:
    """The label of the declaration, if there is one."""
    label = place.declared() if isinstance(place, Wanted) else None
    return () if label is None else (label,)


def excerpt(loc: Loc) -> list[str]:
    """The source line and carets under the place."""
    path = Path(loc.file) if Path(loc.file).is_absolute() else ROOT / loc.file
    if not path.is_file():
        return []
    lines = lines_of(str(path))
    if not 1 <= loc.line <= len(lines):
        return []
    text = lines[loc.line - 1]
    end = loc.end_column if loc.end_line == loc.line else len(text) + 1
    return [f"    {text}", "    " + " " * (loc.column - 1) + "^" * max(1, end - loc.column)]


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?` or nothing."""
    close = difflib.get_close_matches(wrong, list(known), 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else ""
