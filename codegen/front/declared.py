"""Where types come from: the annotations of parameters, results, fields and registers, for second labels."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.front.build_time import name_help, name_in
from codegen.front.diagnostics import Label, Refused, Wanted, refuse
from codegen.front.source import ROOT, Source, source_of
from codegen.front.types import Type, quoted
from codegen.ir.nodes import Loc
from codegen.lang.declared import Misdeclared
from codegen.lang.routines import Routine

if TYPE_CHECKING:
    from codegen.front.function import FunctionLowering


def expected(kind: Type, place: Loc) -> Label:
    """The usual words."""
    return Label(place, f"expected {quoted(kind)} because of this declaration")


def parameter(declared: Loc, name: str, kind: Type) -> Wanted:
    """An argument; `declared` is where the function's name stands in its definition."""

    def find() -> Label | None:
        place = annotation_place(declared, name)
        return None if place is None else expected(kind, place)

    return Wanted(f"argument `{name}`", find)


def result(f: FunctionLowering) -> Wanted:
    """What the function that is being lowered returns."""

    def find() -> Label | None:
        return None if f.node.returns is None else expected(f.result, f.loc(f.node.returns))

    return Wanted("the result", find)


def member(what: str, cls: Any, name: str, kind: Type) -> Wanted:
    """A field of a layout or of a bit struct, or a register."""

    def find() -> Label | None:
        place = member_place(cls, name, lambda node: node.annotation)
        return None if place is None else expected(kind, place)

    return Wanted(what, find)


def access(cls: Any, name: str) -> tuple[Label, ...]:
    """Where a register says how it may be accessed."""
    place = member_place(cls, name, lambda node: node.value)
    return () if place is None else (Label(place, "because of this declaration"),)


def member_place(cls: Any, name: str, part: Callable[[ast.AnnAssign], ast.expr | None]) -> Loc | None:
    """A part of `name: annotation = value` in the body of a class; None when its source cannot be found."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None:
        return None
    source = source_of(file)
    node = source.classes.get(cls.__qualname__)
    for statement in [] if node is None else node.body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == name:
            found = part(statement)
            return source.loc(statement if found is None else found)
    return None


def wrong_signature(routine: Routine, error: Exception, declared: Loc) -> Refused:
    """A signature that cannot be resolved: at the parameter or at the name that is wrong."""
    if isinstance(error, Misdeclared):
        place = annotation_place(declared, error.member) if error.member else None
        return refuse(error.message, place or declared, help=error.help)
    if isinstance(error, NameError) and error.name is not None:
        found = definition_at(declared)
        place = None if found is None else name_in(found[0].loc(found[1]), error.name)
        advice = name_help(error.name, vars(routine)["function"].__globals__)
        return refuse(f"unknown name `{error.name}`", place or declared, help=advice)
    return refuse(f"{routine.name}: {error}", declared)


def annotation_place(declared: Loc, name: str) -> Loc | None:
    """The annotation of a parameter, or of the result (`return`)."""
    found = definition_at(declared)
    if found is None:
        return None
    source, node = found
    if name == "return":
        return None if node.returns is None else source.loc(node.returns)
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        if argument.arg == name:
            return source.loc(argument.annotation or argument)
    return None


def definition_at(declared: Loc) -> tuple[Source, ast.FunctionDef] | None:
    """The definition whose name stands here."""
    path = ROOT / Path(declared.file)
    if not path.is_file():
        return None
    source = source_of(str(path))
    node = source.definitions.get(declared.line)
    return None if node is None else (source, node)
