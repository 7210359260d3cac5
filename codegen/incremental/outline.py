"""A source file divided into the bodies of its `@fn`s and the rest, which other functions may depend on."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path

from codegen.front.source import Source

Place = tuple[int, str]
"""First line (of the first decorator, as CPython counts) and name of a function."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Digests of one file: of its text without the bodies of `@fn`s, and of each `@fn` with its place in the file."""

    interface: str
    functions: dict[Place, str]


def outline(source: Source, text: bytes) -> Outline:
    """The outline of a file with this text."""
    lines = text.splitlines()
    bodies: set[int] = set()
    functions: dict[Place, str] = {}
    for (first, name), node in compiled_functions(source).items():
        end = node.end_lineno or node.lineno
        functions[first, name] = digest(source.shown, str(first), *lines[first - 1 : end])
        body = node.body[0].lineno
        if body > node.lineno:  # else it stands on the signature's last line, and counts as interface
            bodies.update(range(body, end + 1))
    rest = [line for number, line in enumerate(lines, 1) if number not in bodies]
    return Outline(digest(source.shown, *rest), functions)


def compiled_functions(source: Source) -> dict[Place, ast.FunctionDef]:
    """The definitions that `@fn` of the language decorates, in classes and factories too."""
    imports = any(
        isinstance(node, ast.ImportFrom) and node.module == "codegen.lang" and any(a.name == "fn" for a in node.names)
        for node in source.tree.body
    )
    return {place: node for place, node in source.functions.items() if imports and any(map(is_fn, node.decorator_list))}


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
