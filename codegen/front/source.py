"""Source files as text and as tree, each read and parsed once; and the way from a code object to its tree."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import CodeType

from codegen.ir.nodes import Loc

ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Source:
    """One file. `functions` finds a definition by the line of its first decorator, as CPython counts it, `definitions`
    by the line of its `def`, `classes` by `__qualname__`."""

    path: str
    shown: str
    lines: list[str]
    tree: ast.Module
    is_ascii: bool
    functions: dict[tuple[int, str], ast.FunctionDef] = field(default_factory=dict)
    definitions: dict[int, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)

    def loc(self, node: ast.AST) -> Loc:
        """Where a node stands; columns count characters from 1.

        An attribute or a call of a method whose name stands lines below its object begins at that name, as in CPython.
        """
        line, end_line = node.lineno, node.end_lineno  # type: ignore[attr-defined]
        column, end_column = node.col_offset, node.end_col_offset  # type: ignore[attr-defined]
        named = node.func if isinstance(node, ast.Call) else node
        if isinstance(named, ast.Attribute) and named.end_lineno and named.end_lineno != line:
            assert named.end_col_offset is not None
            line, column = named.end_lineno, named.end_col_offset - len(named.attr.encode())
        return Loc(self.shown, line, self.column(line, column), end_line, self.column(end_line, end_column))

    def name_loc(self, node: ast.AST) -> Loc:
        """Where the name stands that a node has of its own: behind a dot, or before the `=` of an argument."""
        whole = self.loc(node)
        if isinstance(node, ast.Attribute):
            return replace(whole, line=whole.end_line, column=whole.end_column - len(node.attr))
        if isinstance(node, ast.keyword) and node.arg is not None:
            return replace(whole, end_line=whole.line, end_column=whole.column + len(node.arg))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            start = self.lines[whole.line - 1].find(node.name, whole.column + 2) + 1
            return Loc(whole.file, whole.line, start, whole.line, start + len(node.name))
        return whole

    def column(self, line: int, utf8_offset: int) -> int:
        """Characters, where the parser counts bytes of UTF-8."""
        if self.is_ascii:
            return utf8_offset + 1
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        if text.isascii():
            return utf8_offset + 1
        return len(text.encode()[:utf8_offset].decode(errors="replace")) + 1


@cache
def lines_of(path: str) -> list[str]:
    """The text of a file."""
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()


@cache
def source_of(path: str) -> Source:
    """Reads and parses a file; the file is known to be valid Python, since it has been imported."""
    return parsed(path, lines_of(path))


def parsed(path: str, lines: list[str]) -> Source:
    """The lines of a file, and their tree."""
    text = "\n".join(lines)
    source = Source(path, shown_path(path), lines, ast.parse(text, path), text.isascii())
    find_definitions(source, source.tree.body)
    return source


def find_definitions(source: Source, body: list[ast.stmt], outer: str = "") -> None:
    """Definitions in these statements, in classes and in other functions; expressions hold none."""
    for node in body:
        inner = outer
        if isinstance(node, ast.FunctionDef):
            first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
            source.functions[first, node.name] = source.definitions[node.lineno] = node
            inner = f"{outer}{node.name}.<locals>."
        if isinstance(node, ast.ClassDef):
            source.classes[outer + node.name] = node
            inner = f"{outer}{node.name}."
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.With | ast.For | ast.While | ast.If | ast.Try):
            find_definitions(source, node.body, inner)
        if isinstance(node, ast.If | ast.For | ast.While | ast.Try):
            find_definitions(source, node.orelse, inner)


@cache
def shown_path(path: str) -> str:
    """Relative to the project where it lies inside, so that images do not depend on where they were built."""
    try:
        return str(Path(path).resolve().relative_to(ROOT))
    except ValueError:
        return path


def definition(code: CodeType) -> tuple[Source, ast.FunctionDef] | None:
    """The tree of a function, or None when its source cannot be found (defined in `exec`, or a lambda)."""
    if not Path(code.co_filename).is_file():
        return None
    source = source_of(code.co_filename)
    node = source.functions.get((code.co_firstlineno, code.co_name))
    return None if node is None else (source, node)
