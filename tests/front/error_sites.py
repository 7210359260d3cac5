"""Where the compiler refuses something: every such place in its sources, and the places that a run came to."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from codegen.front.diagnostics import Diagnostic
from codegen.front.source import ROOT
from codegen.lang.declared import Misdeclared

MAKERS = {"Diagnostic", "Misdeclared", "refuse", "refuse_name"}
"""What makes a diagnostic; `refuse` and `refuse_name` only hand on what their callers say."""


@dataclass(frozen=True, order=True)
class Site:
    file: str
    first: int
    last: int

    def __str__(self) -> str:
        text = (ROOT / self.file).read_text().splitlines()[self.first - 1]
        return f"{self.file}:{self.first}: {text.strip()}"


def all_sites() -> list[Site]:
    files = sorted([*(ROOT / "codegen" / "front").glob("*.py"), *(ROOT / "codegen" / "lang").glob("*.py")])
    return sorted({site for file in files for site in sites_in(file)})


def sites_in(file: Path) -> Iterator[Site]:
    shown = str(file.relative_to(ROOT))
    for function in ast.walk(ast.parse(file.read_text())):
        if isinstance(function, ast.FunctionDef) and function.name not in MAKERS:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and called(node) in MAKERS and shown != "codegen/lang/conform.py":
                    yield Site(shown, node.lineno, node.end_lineno or node.lineno)


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@contextmanager
def recorded() -> Iterator[dict[str, set[tuple[str, int]]]]:
    """By message: file and line of the code that made it."""
    found: dict[str, set[tuple[str, int]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        for cls in (Diagnostic, Misdeclared):
            watch(patch, cls, found)
        yield found


def watch(patch: pytest.MonkeyPatch, cls: Any, found: dict[str, set[tuple[str, int]]]) -> None:
    original = cls.__init__

    def made(self: Any, message: str, *rest: Any, **options: Any) -> None:
        frame = sys._getframe(1)
        while frame.f_code.co_name in MAKERS and frame.f_back is not None:
            frame = frame.f_back
        place = str(Path(frame.f_code.co_filename).relative_to(ROOT))
        found.setdefault(message, set()).add((place, frame.f_lineno))
        original(self, message, *rest, **options)

    patch.setattr(cls, "__init__", made)


def reached(site: Site, places: set[tuple[str, int]]) -> bool:
    return any(site.file == file and site.first <= line <= site.last for file, line in places)
