"""Where the monitor reaches a VM's board, by the syntax of its sources.

A function gets at a board in two ways: by `vm.board`, which stands only inside a `with vm.board_lock:` of it, or by
a parameter. So a reference exists only while the lock is held, if none is kept: no function gives one back, no field
and no local holds one behind its block.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from hypervisor.devices.board import Board

# Atomics, see their docstrings.
READ_WITHOUT = {"pic_interrupts", "board_deadline", "has_device_work", "has_output", "mark_finished"}


def complaints(source: str) -> list[str]:
    """In words, with the line."""
    found: list[str] = []
    for function in functions(ast.parse(source)):
        look(function, function.body, frozenset(), found)
        result = function.returns
        if result is not None and "Board" in {node.id for node in ast.walk(result) if isinstance(node, ast.Name)}:
            found.append(f"{function.lineno}: {function.name} gives a board away")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Field[Board]":
            found.append(f"{node.lineno}: a field keeps a board")
    return found


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """All that are compiled: those under a decorator `fn`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any("fn" in ast.unparse(each) for each in node.decorator_list):
            yield node


def look(function: ast.FunctionDef, body: list[ast.stmt], held: frozenset[str], found: list[str]) -> None:
    """The statements of a block, where the locks of the VMs in `held` are held."""
    for statement in body:
        if isinstance(statement, ast.With):
            locks = {ast.unparse(item.context_expr) for item in statement.items}
            owners = {lock.removesuffix(".board_lock") for lock in locks if lock.endswith(".board_lock")}
            look(function, statement.body, held | owners, found)
            check_aliases(function, statement, found)
            continue
        for name, value in ast.iter_fields(statement):
            if name in ("body", "orelse", "cases"):
                for each in value:
                    look(function, each.body if isinstance(each, ast.match_case) else [each], held, found)
            else:
                expressions = value if isinstance(value, list) else [value]
                for expression in expressions:
                    if isinstance(expression, ast.AST):
                        check(function, expression, held, found)


def check(function: ast.FunctionDef, expression: ast.AST, held: frozenset[str], found: list[str]) -> None:
    """Each `x.board` in an expression or a target."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Attribute) and node.attr == "board":
            if ast.unparse(node.value) not in held and function.name not in READ_WITHOUT:
                found.append(f"{node.lineno}: {function.name} reaches {ast.unparse(node)} without its lock")


def check_aliases(function: ast.FunctionDef, block: ast.With, found: list[str]) -> None:
    """A local that names a board, or a part of one, is not used behind the block."""
    names = set()
    for node in ast.walk(block):
        if isinstance(node, ast.Assign) and is_part(node.value):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in names and node.lineno > (block.end_lineno or 0):
            found.append(f"{node.lineno}: {function.name} uses {node.id}, of the board, behind the block")


def is_part(value: ast.AST) -> bool:
    """Whether this is `x.board`, or a struct in it: a reference, not a number."""
    names = ast.unparse(value).split(".")
    if not isinstance(value, ast.Attribute) or "board" not in names:
        return False
    layout: Any = Board
    for name in names[names.index("board") + 1 :]:
        layout = layout.__layout__.fields[name].type
    return hasattr(layout, "__layout__")
