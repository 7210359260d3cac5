"""Makes a program that fails smaller: statements, functions and calls are left out while it still fails."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator


def shrink(text: str, fails: Callable[[str], bool]) -> str:
    """The smallest program found. `fails` runs a candidate; it must be false for one that the compiler refuses."""
    changed = True
    while changed:
        changed = False
        for size in (32, 8, 2, 1):
            position = 0
            while True:
                places = list(removable(text))
                if position >= len(places):
                    break
                candidate = without(text, places[position : position + size])
                if is_python(candidate) and fails(candidate):
                    text, changed = candidate, True
                else:
                    position += size
    return text


def removable(text: str) -> Iterator[tuple[int, int]]:
    """First and last line of each statement that may be left out, the last ones first: they need the earlier ones."""
    found: list[tuple[int, int]] = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt) and not isinstance(child, ast.Import | ast.ImportFrom | ast.Pass):
                first = min((each.lineno for each in getattr(child, "decorator_list", [])), default=child.lineno)
                assert child.end_lineno is not None
                found.append((first, child.end_lineno))
            elif isinstance(child, ast.match_case):
                found.append((child.pattern.lineno, child.body[-1].end_lineno or 0))
            visit(child)

    visit(ast.parse(text))
    return reversed(found)


def without(text: str, places: list[tuple[int, int]]) -> str:
    """The text with `pass` for these lines; other lines keep their numbers' order."""
    lines: list[str | None] = list(text.splitlines())
    for first, last in places:
        line = lines[first - 1]
        if line is None:
            continue
        indent = line[: len(line) - len(line.lstrip())]
        for number in range(first - 1, last):
            lines[number] = None
        lines[first - 1] = None if line.lstrip().startswith("case ") or not indent else f"{indent}pass"
    return tidy("\n".join(line for line in lines if line is not None) + "\n")


def tidy(text: str) -> str:
    """Without `pass` where other statements stand beside it, and with at most two empty lines together."""
    lines = text.splitlines()
    kept: list[str] = []
    for number, line in enumerate(lines):
        above = lines[number - 1] if number else ""
        if line.strip() == "pass" and above and depth(above) == depth(line) and not above.rstrip().endswith(":"):
            continue
        if line or kept[-2:] != ["", ""]:
            kept.append(line)
    return "\n".join(kept).strip() + "\n"


def depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True
