"""Build-time evaluation inside a function: `static(...)`, with the closure, the module and unrolled variables."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from codegen.front.build_time import in_words, inside, name_help
from codegen.front.diagnostics import refuse
from codegen.front.function import FunctionLowering
from codegen.front.names import UnknownName
from codegen.front.registry import special
from codegen.front.structs import exactly
from codegen.front.types import Type
from codegen.front.values import Value


class Names(Mapping[str, Any]):
    """What an expression sees at build time. Locals of the running program are not in it."""

    def __init__(self, f: FunctionLowering) -> None:
        self.f = f

    def __getitem__(self, name: str) -> Any:
        variable = self.f.variables.get(name)
        if variable is not None and variable.static is None:
            raise RunTimeName(name)
        if variable is not None and variable.static is not None:
            return variable.static.static
        try:
            return self.f.names(name)
        except UnknownName:
            raise NameError(f"unknown name `{name}`", name=name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.f.names.all_names())

    def __len__(self) -> int:
        return len(self.f.names.all_names())


class RunTimeName(Exception):
    """A local that has a value only when the program runs."""


def evaluate(f: FunctionLowering, expression: ast.expr, shown: ast.AST) -> Any:
    """The object that an expression gives at build time; any error in it is the user's."""
    tree = ast.fix_missing_locations(ast.Expression(expression))
    try:
        return eval(compile(tree, f.source.path, "eval"), {}, Names(f))
    except RunTimeName as name:
        raise refuse(f"`{name}` has a value only when the program runs", inside(name, f.loc(shown))) from None
    except NameError as error:
        place = inside(error, f.loc(shown))
        known = {*f.names.all_names(), *f.variables}
        raise refuse(f"unknown name `{error.name}`", place, help=name_help(error.name or "", known)) from error
    except Exception as error:
        message, advice = in_words(error, sys._getframe())
        raise refuse(message, inside(error, f.loc(shown)), help=advice) from error


@special("static")
def static(f: FunctionLowering, node: ast.Call, expected: Type | None) -> Value:
    """`static(expression)`."""
    return f.program.lift(evaluate(f, exactly(f, node, 1)[0], node), f.loc(node))
