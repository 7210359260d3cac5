"""The functions of ring 0 in a source file, and their statements by line, as Python's own parser sees them."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("hypervisor", "drivers")


@dataclass(frozen=True)
class RingZeroFunction:
    """One `@fn`. `statements` gives the first line of the statement that a line belongs to: that line stands for it.

    `digest` is of the text without white space: it does not change when the function moves.
    """

    file: str
    name: str
    statements: dict[int, int]
    digest: str


@cache
def functions_of(file: str) -> tuple[RingZeroFunction, ...]:
    """Those of a file (relative to the project), in its order, methods and closures of factories included."""
    text = (ROOT / file).read_text()
    return tuple(_find(file, text.splitlines(), ast.parse(text).body, ""))


@cache
def build_time_of(file: str) -> dict[int, int]:
    """The same of all other statements of a file: what runs when an image is built."""
    found: dict[int, int] = {}
    ring_0 = {line for function in functions_of(file) for line in function.statements}
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.stmt) and node.lineno not in ring_0 and not _is_docstring(node):
            for line in range(node.lineno, _header_end(node) + 1):
                found.setdefault(line, node.lineno)
    return found


def all_files() -> list[str]:
    """Every source file of the two folders that the figure is about."""
    return sorted(str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def all_functions() -> list[RingZeroFunction]:
    return [function for file in all_files() for function in functions_of(file)]


def _find(file: str, text: list[str], body: list[ast.stmt], prefix: str) -> Iterator[RingZeroFunction]:
    for node in body:
        if isinstance(node, ast.FunctionDef) and any(_is_fn(decorator) for decorator in node.decorator_list):
            source = "".join("".join(text[node.decorator_list[0].lineno - 1 : node.end_lineno]).split())
            digest = hashlib.sha256(source.encode()).hexdigest()[:12]
            yield RingZeroFunction(file, prefix + node.name, _statements(node), digest)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from _find(file, text, node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.For | ast.With):
            yield from _find(file, text, node.body, prefix)


def _is_fn(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "fn"


def _statements(function: ast.FunctionDef) -> dict[int, int]:
    found: dict[int, int] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function and not _is_docstring(node):
            for line in range(node.lineno, _header_end(node) + 1):
                found.setdefault(line, node.lineno)
    return found


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _header_end(node: ast.stmt) -> int:
    """The last line of the statement itself: what stands inside a branch or a loop is for itself."""
    assert node.end_lineno is not None
    match node:
        case ast.If() | ast.For() | ast.While() | ast.With() | ast.FunctionDef() | ast.ClassDef():
            return max(node.lineno, node.body[0].lineno - 1)
        case ast.Match():
            return max(node.lineno, node.cases[0].pattern.lineno - 1)
        case _:
            return node.end_lineno
