"""Every single-token mistake that could be made in ring-0 code, found in the sources, and a reproducible choice.

A choice is by hash of what is changed, not by position: an edit elsewhere changes almost nothing of it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WIDTHS = {
    "u8": "u16", "u16": "u32", "u32": "u64", "u64": "u32", "usize": "u32",
    "i8": "i16", "i16": "i32", "i32": "i64", "i64": "u64",
}  # fmt: skip
ADDRESSES = {"Gpa": "Hpa", "Hpa": "Gpa", "Gva": "Gpa", "Hva": "Hpa"}
OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"), ast.Lt: ("<", "<="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
}  # fmt: skip
TYPED = {"width", "address", "misspelt", "member", "access", "return", "result", "none", "argument", "keyword"}
"""Kinds that types should catch; those of the others ("operator", "literal") are other programs, and legal ones."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` in line `line` of `file` becomes `new`; columns count bytes from 0. `body`: inside an `@fn`."""

    kind: str
    file: str
    line: int
    start: int
    end: int
    new: str
    old: str
    text: str
    body: bool
    names: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What it is called where accepted ones are recorded: it does not change when lines move."""
        return f"{self.file}: {self.text}: {self.old!r} -> {self.new!r}"

    def applied(self, content: bytes) -> bytes:
        """The file's content with the mistake."""
        lines = content.split(b"\n")
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.start] + self.new.encode() + line[self.end :]
        return b"\n".join(lines)


def chosen(candidates: list[Mutant], quotas: dict[str, int], seed: int) -> list[Mutant]:
    """So many of each kind, the same in every run with this seed."""
    found: list[Mutant] = []
    for kind, quota in quotas.items():
        ranked = sorted({m.key: m for m in candidates if m.kind == kind}.values(), key=lambda m: rank(m, seed))
        found += ranked[:quota]
    return found


def rank(mutant: Mutant, seed: int) -> str:
    return hashlib.sha256(f"{seed} {mutant.kind} {mutant.key}".encode()).hexdigest()


def ring0_files() -> list[Path]:
    """Sources with functions or layouts of the language."""
    files = [file for name in ("hypervisor", "drivers", "boot") for file in sorted((ROOT / name).rglob("*.py"))]
    return [file for file in files if "from codegen.lang import" in file.read_text()]


def all_mutants() -> list[Mutant]:
    trees = {file: ast.parse(file.read_text()) for file in ring0_files()}
    siblings = siblings_in(list(trees.values()))
    return [mutant for file, tree in trees.items() for mutant in mutants_of(file, tree, siblings)]


def siblings_in(trees: list[ast.Module]) -> dict[str, str]:
    """To each field, register, bit field and enum member the next one of its class."""
    found: dict[str, str] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                targets = [
                    part.target if isinstance(part, ast.AnnAssign) else part.targets[0]
                    for part in node.body
                    if isinstance(part, ast.AnnAssign | ast.Assign)
                ]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                for name, following in zip(names, names[1:] + names[:1], strict=True):
                    if name != following:
                        found.setdefault(name, following)
    return found


def mutants_of(file: Path, tree: ast.Module, siblings: dict[str, str]) -> Iterator[Mutant]:
    """All of one file: in bodies of `@fn`s, in their signatures, in class bodies and at module level."""
    shown, lines = str(file.relative_to(ROOT)), file.read_bytes().split(b"\n")
    for node, body, names in ring0_nodes(tree):
        for kind, line, start, end, new in changes(node, lines, siblings):
            old = lines[line - 1][start:end].decode()
            text = lines[line - 1].decode().strip()
            if body or kind not in ("operator", "literal"):
                yield Mutant(kind, shown, line, start, end, new, old, text, body, names)


def ring0_nodes(tree: ast.Module) -> Iterator[tuple[ast.AST, bool, tuple[str, ...]]]:
    """Nodes that the compiler judges; whether inside an `@fn`; and the names of the definitions around them."""

    def visit(node: ast.AST, body: bool, names: tuple[str, ...]) -> Iterator[tuple[ast.AST, bool, tuple[str, ...]]]:
        if isinstance(node, ast.FunctionDef):
            if not compiled(node):
                for inner in ast.walk(node):
                    if inner is not node and isinstance(inner, ast.FunctionDef) and compiled(inner):
                        yield from visit(inner, body, names)
                return
            inside = (*names, node.name)
            for part in [*(argument.annotation for argument in node.args.args), node.returns]:
                if part is not None:
                    yield from visit(part, False, inside)
            for statement in node.body:
                yield from visit(statement, True, inside)
            return
        if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
            return
        yield node, body, names
        inside = (*names, node.name) if isinstance(node, ast.ClassDef) else names
        if isinstance(node, ast.AnnAssign | ast.Assign) and not body:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            inside = (*names, target.id) if isinstance(target, ast.Name) else names
        for child in ast.iter_child_nodes(node):
            yield from visit(child, body, inside)

    for statement in tree.body:
        yield from visit(statement, False, ())


def compiled(node: ast.FunctionDef) -> bool:
    """Whether it has `@fn` above it."""
    called = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return any(isinstance(each, ast.Name) and each.id == "fn" for each in called)


Change = tuple[str, int, int, int, str]


def changes(node: ast.AST, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    """Kind, line, start, end and new text of each mistake that could be made at a node."""
    rule = RULES.get(type(node))
    if rule is not None:
        yield from rule(node, lines, siblings)


def of_name(node: ast.Name, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    for kind, table in (("width", WIDTHS), ("address", ADDRESSES)):
        if node.id in table:
            yield kind, node.lineno, node.col_offset, node.end_col_offset or 0, table[node.id]


def of_attribute(node: ast.Attribute, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    line, end = node.end_lineno or 0, node.end_col_offset or 0
    start = end - len(node.attr)
    if len(node.attr) > 3 and not node.attr.startswith("_"):
        yield "misspelt", line, start, end, node.attr[:-2] + node.attr[-1]
    if node.attr in siblings:
        yield "member", line, start, end, siblings[node.attr]
    if node.attr in ("read", "write"):
        yield "access", line, start, end, "write" if node.attr == "read" else "read"


def of_return(node: ast.Return, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    if node.value is not None and node.value.lineno == node.lineno:
        yield "return", node.lineno, node.col_offset, node.value.col_offset, ""


def of_assign(node: ast.Assign, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    if isinstance(node.value, ast.Call) and isinstance(node.targets[0], ast.Name | ast.Tuple):
        if node.value.lineno == node.lineno:
            yield "result", node.lineno, node.col_offset, node.value.col_offset, ""


def of_compare(node: ast.Compare, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    right, line = node.comparators[0], node.lineno
    if len(node.ops) != 1 or right.lineno != line or node.left.end_lineno != line:
        return
    start, end = node.left.end_col_offset or 0, right.col_offset
    between = lines[line - 1][start:end].decode()
    if isinstance(node.ops[0], ast.Is | ast.IsNot) and between.strip() in ("is", "is not"):
        yield "none", line, start, end, " is " if isinstance(node.ops[0], ast.IsNot) else " is not "
    yield from operator_change(node.ops[0], line, start, between)


def of_operation(node: ast.BinOp, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    line = node.lineno
    if node.right.lineno == line and node.left.end_lineno == line:
        start = node.left.end_col_offset or 0
        yield from operator_change(node.op, line, start, lines[line - 1][start : node.right.col_offset].decode())


def operator_change(op: ast.AST, line: int, start: int, between: str) -> Iterator[Change]:
    if type(op) in OPERATORS:
        old, new = OPERATORS[type(op)]
        at = between.find(old)
        if at >= 0:
            yield "operator", line, start + at, start + at + len(old), new


def of_call(node: ast.Call, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    if len(node.args) > 1 and not node.keywords and node.args[-1].lineno == node.args[-2].end_lineno:
        last = node.args[-1]
        if last.end_lineno == last.lineno:
            yield "argument", last.lineno, node.args[-2].end_col_offset or 0, last.end_col_offset or 0, ""


def of_keyword(node: ast.keyword, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    if node.arg is not None and len(node.arg) > 2:
        yield "keyword", node.lineno, node.col_offset, node.col_offset + len(node.arg), node.arg[:-2] + node.arg[-1]


def of_constant(node: ast.Constant, lines: list[bytes], siblings: dict[str, str]) -> Iterator[Change]:
    if type(node.value) is int and node.end_lineno == node.lineno:
        yield "literal", node.lineno, node.col_offset, node.end_col_offset or 0, str(node.value + 1)


RULES: dict[type[ast.AST], Callable[..., Iterator[Change]]] = {
    ast.Name: of_name, ast.Attribute: of_attribute, ast.Return: of_return, ast.Assign: of_assign,
    ast.Compare: of_compare, ast.BinOp: of_operation, ast.Call: of_call, ast.keyword: of_keyword,
    ast.Constant: of_constant,
}  # fmt: skip
