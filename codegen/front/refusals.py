"""What Python has and the language does not: one message for each, with what to write instead."""

from __future__ import annotations

import ast

from codegen.front.diagnostics import Refused, refuse
from codegen.front.function import FunctionLowering
from codegen.ir.nodes import Loc

STATEMENTS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Try: ("there are no exceptions in ring 0", "return `T | E` and test it with isinstance"),
    ast.TryStar: ("there are no exceptions in ring 0", "return `T | E` and test it with isinstance"),
    ast.Raise: ("there are no exceptions in ring 0", "return an error value, or `assert` what must hold"),
    ast.Global: ("module variables cannot be assigned", "keep state in `storage(...)`"),
    ast.Nonlocal: ("outer variables cannot be assigned", "keep state in `storage(...)`"),
    ast.Delete: ("`del` is not in the language", ""),
    ast.FunctionDef: ("functions cannot be nested", "define it at module level, or in a build-time factory"),
    ast.AsyncFunctionDef: ("`async` is not in the language", ""),
    ast.ClassDef: ("classes cannot be defined inside a function", "define the layout at module level"),
    ast.Import: ("imports stand at module level", ""),
    ast.ImportFrom: ("imports stand at module level", ""),
}

EXPRESSIONS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Lambda: ("`lambda` is not in the language", "define an `@fn`"),
    ast.Yield: ("generators are not in the language", ""),
    ast.YieldFrom: ("generators are not in the language", ""),
    ast.ListComp: ("comprehensions are not in the language", "write a loop, or build it at module level"),
    ast.SetComp: ("comprehensions are not in the language", "write a loop, or build it at module level"),
    ast.DictComp: ("comprehensions are not in the language", "write a loop, or build it at module level"),
    ast.GeneratorExp: ("comprehensions are not in the language", "write a loop, or build it at module level"),
    ast.List: ("lists are not in the language", "use `table(...)` or `storage_array(...)` at module level"),
    ast.Set: ("sets are not in the language", ""),
    ast.Dict: ("dictionaries are not in the language", "use `table(...)` at module level"),
    ast.Starred: ("star arguments are not in the language", "name every argument"),
    ast.NamedExpr: ("`:=` is not in the language", "assign in a statement of its own"),
    ast.JoinedStr: ("f-strings stand only in calls of a text sink", 'for example `log(f"...")`'),
    ast.Slice: ("slices are not in the language", "use `span.slice(offset, length)`"),
}


def refused_statement(f: FunctionLowering, node: ast.stmt) -> Refused:
    """The error for a statement without a rule; what it would bind is not reported again."""
    for name in bound_by(node):
        f.poison(name, node)
    return refused(node, head(f, node), STATEMENTS)


def head(f: FunctionLowering, node: ast.stmt) -> Loc:
    """The name or the first word of a statement with a body, else all of it."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return f.source.name_loc(node)
    whole = f.loc(node)
    if whole.end_line == whole.line or not hasattr(node, "body"):
        return whole
    word = f.source.lines[whole.line - 1][whole.column - 1 :].split(":")[0].split()[0]
    return Loc(whole.file, whole.line, whole.column, whole.line, whole.column + len(word))


def bound_by(node: ast.stmt) -> set[str]:
    """Names that a statement assigns, declares or imports."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.Global | ast.Nonlocal):
            found.update(part.names)
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(part.name)
        elif isinstance(part, ast.alias):
            found.add((part.asname or part.name).split(".")[0])
    return found


def refused_expression(f: FunctionLowering, node: ast.expr) -> Refused:
    """The error for an expression without a rule."""
    return refused(node, f.loc(node), EXPRESSIONS)


def refused(node: ast.AST, place: Loc, table: dict[type[ast.AST], tuple[str, str]]) -> Refused:
    """The error from a table, or the general one."""
    unknown = (f"{type(node).__name__} is not in the language", "")
    message, advice = table.get(type(node), unknown)
    return refuse(message, place, help=advice)
