"""A source file divided into the bodies of its `@fn`s and the rest, which other functions may depend on."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Place = tuple[int, str]
"""First line (of the first decorator, as CPython counts) and name of a function."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Digests of one file: of its text without the bodies of `@fn`s, and of each `@fn` with its place in the file."""

    interface: str
    functions: dict[Place, str]


def outline(path: str, text: bytes) -> Outline:
    """The outline of a file, which is valid Python."""
    lines = text.splitlines()
    bodies: set[int] = set()
    functions: dict[Place, str] = {}
    for node in compiled_functions(ast.parse(text)):
        first, end = node.decorator_list[0].lineno, node.end_lineno or node.lineno
        functions[first, node.name] = digest(path, str(first), *lines[first - 1 : end])
        body = node.body[0].lineno
        if body > node.lineno:  # else it stands on the signature's last line, and counts as interface
            bodies.update(range(body, end + 1))
    rest = [line for number, line in enumerate(lines, 1) if number not in bodies]
    return Outline(digest(path, *rest), functions)


def compiled_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """The definitions that `@fn` of the language decorates, in classes and factories too."""
    if not any(
        isinstance(node, ast.ImportFrom) and node.module == "codegen.lang" and any(a.name == "fn" for a in node.names)
        for node in tree.body
    ):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(is_fn(decorator) for decorator in node.decorator_list):
            yield node


def is_fn(decorator: ast.expr) -> bool:
    """`@fn` or `@fn(...)`."""
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(name, ast.Name) and name.id == "fn"


def digest(*parts: str | bytes) -> str:
    """Of these texts in this order."""
    made = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        made.update(len(content).to_bytes(8, "little"))
        made.update(content)
    return made.hexdigest()


def toolchain_digest() -> str:
    """Of the compiler's own sources."""
    folder = Path(__file__).resolve().parents[1]
    files = sorted(file for suffix in ("py", "j2") for file in folder.rglob(f"*.{suffix}"))
    return digest(*(part for file in files for part in (str(file.relative_to(folder)), file.read_bytes())))
