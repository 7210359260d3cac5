"""What fails while modules run at build time, as a diagnostic: mistakes in declarations, and plain Python errors."""

from __future__ import annotations

import ast
import builtins
import pkgutil
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

from codegen import lang
from codegen.front.diagnostics import Diagnostic, Label, suggestion
from codegen.front.lowering import name_of
from codegen.front.source import ROOT, lines_of, shown_path, source_of
from codegen.ir.nodes import Loc
from codegen.lang.checks import Trap
from codegen.lang.declared import Misdeclared

NOT_THEIRS = (str(ROOT / "codegen"), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
"""Code that is not what people write for ring 0: the mistake stands in a frame outside of it."""


def diagnose(error: BaseException) -> Diagnostic | None:
    """What an exception tells people that ended an import; None when it ended something else, which is no source's
    mistake."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return syntax_error(error)
    frames = [(frame, place) for frame, place in traceback_of(error) if is_theirs(frame.f_code)]
    if not any(is_import(frame) for frame, _ in frames):
        return None
    frame, place = frames[-1]
    message, advice = in_words(error, frame)
    if isinstance(error, Misdeclared):
        place, labels = declaration(error, place)
    else:
        place, labels = narrowed(error, place), ()
    if frame.f_code.co_name != "<module>" and not isinstance(error, Misdeclared):
        callers = [where for outer, where in frames[:-1] if is_import(outer)]
        labels = tuple(Label(where, "while this runs") for where in callers[-1:])
    return Diagnostic(message, place, labels, advice)


def syntax_error(error: SyntaxError) -> Diagnostic:
    """Python's own message at Python's own place."""
    line, column = error.lineno or 1, error.offset or 1
    end = error.end_offset if error.end_lineno == line and error.end_offset else 0
    place = Loc(shown_path(str(error.filename)), line, column, line, max(end, column + 1))
    return Diagnostic(f"this is no Python: {error.msg}", place)


def traceback_of(error: BaseException) -> Iterator[tuple[FrameType, Loc]]:
    """The frames that the exception passed, the innermost last, each with the expression that was computed there."""
    step: TracebackType | None = error.__traceback__
    while step is not None:
        yield step.tb_frame, expression_at(step)
        step = step.tb_next


def expression_at(step: TracebackType) -> Loc:
    """The expression, in characters where Python counts bytes."""
    code, file = step.tb_frame.f_code, step.tb_frame.f_code.co_filename
    line, end_line, start, end = list(code.co_positions())[step.tb_lasti // 2]
    if line is None or start is None or end is None or end_line is None or not Path(file).is_file():
        return Loc(shown_path(file), step.tb_lineno)
    lines = lines_of(file)

    def column(number: int, offset: int) -> int:
        return len(lines[number - 1].encode()[:offset].decode(errors="replace")) + 1 if number <= len(lines) else 1

    return Loc(shown_path(file), line, column(line, start), end_line, column(end_line, end))


def is_import(frame: FrameType) -> bool:
    """Whether a module's own statements run here, and not as the program that was started."""
    return frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__"


def is_theirs(code: CodeType) -> bool:
    """Whether code stands in a file that people write for ring 0."""
    file = code.co_filename
    return Path(file).is_file() and not file.startswith(NOT_THEIRS)


# ---- the message


def in_words(error: BaseException, frame: FrameType) -> tuple[str, str]:
    """The message and the help."""
    if isinstance(error, Misdeclared):
        return error.message, error.help
    if isinstance(error, Trap):
        return f"this traps at build time: {error.kind}", ""
    if isinstance(error, NameError) and error.name is not None:
        known = {*frame.f_locals, *frame.f_globals, *vars(builtins)}
        return f"unknown name `{error.name}`", name_help(error.name, known)
    if isinstance(error, AttributeError) and error.name is not None:
        return f"{name_of(error.obj)} has no `{error.name}`", suggestion(error.name, public(error.obj))
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return f"there is no module `{error.name}`", suggestion(error.name, sibling_modules(error.name))
    if isinstance(error, ImportError):
        return import_error(error)
    if isinstance(error, TypeError) and raised_by_the_language(error):
        return str(error), ""
    return f"this fails at build time: {type(error).__name__}: {error}", ""


def name_help(name: str, known: Iterable[str]) -> str:
    """A name that is spelt like this one, or the import that it needs."""
    if name in lang.__all__:
        return f"`from codegen.lang import {name}`"
    return suggestion(name, known)


def public(thing: Any) -> list[str]:
    """The attributes that people use."""
    return [name for name in dir(thing) if not name.startswith("_")]


def import_error(error: ImportError) -> tuple[str, str]:
    """A module that has not what is imported from it."""
    found = imported_name(error)
    if found is None or error.name is None:
        return f"this cannot be imported: {error}", ""
    if "circular import" in str(error):
        return f"`{error.name}` has no `{found}` yet: the modules import each other", ""
    return f"`{error.name}` has no `{found}`", suggestion(found, public(sys.modules.get(error.name)))


def imported_name(error: BaseException) -> str | None:
    """Of `cannot import name 'x' from 'y'`."""
    found = re.search(r"cannot import name '(\w+)'", str(error))
    return None if found is None else found[1]


def sibling_modules(name: str) -> list[str]:
    """Modules of the package that a misspelt one would be in."""
    package, _, _ = name.rpartition(".")
    paths = getattr(sys.modules.get(package), "__path__", [str(ROOT)])
    return [f"{package}.{found.name}".lstrip(".") for found in pkgutil.iter_modules(paths)]


def raised_by_the_language(error: BaseException) -> bool:
    """Whether `codegen.lang` refused a value, in words for people."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step is not None and step.tb_frame.f_code.co_filename.startswith(str(ROOT / "codegen" / "lang"))


# ---- the place


def narrowed(error: BaseException, place: Loc) -> Loc:
    """The part of an expression or a statement that is wrong."""
    if isinstance(error, NameError) and error.name is not None:
        return name_in(place, error.name) or place
    if isinstance(error, AttributeError) and error.name is not None:
        return attribute_in(place, error.name) or place
    if isinstance(error, ImportError):
        return part_of_import(place, imported_name(error) or (error.name or "").rpartition(".")[2]) or place
    return class_name(place) or place


def class_name(place: Loc) -> Loc | None:
    """The name of the class whose statement this is."""
    source = source_of(str(ROOT / place.file))
    found = [node for node in nodes_in(place) if isinstance(node, ast.ClassDef) and source.loc(node) == place]
    return source.name_loc(found[0]) if found else None


def nodes_in(place: Loc) -> Iterator[ast.AST]:
    """All nodes of a file that stand inside a place; annotations that are strings are looked into as text."""
    source = source_of(str(ROOT / place.file))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.expr | ast.stmt | ast.alias):
            loc = source.loc(node)
            if (place.line, place.column) <= (loc.line, loc.column) and (loc.end_line, loc.end_column) <= (
                place.end_line,
                place.end_column,
            ):
                yield node


def name_in(place: Loc, name: str) -> Loc | None:
    """Where a name is used inside a place."""
    source = source_of(str(ROOT / place.file))
    for node in nodes_in(place):
        if isinstance(node, ast.Name) and node.id == name:
            return source.loc(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
            loc = source.loc(node)
            found = re.search(rf"\b{name}\b", source.lines[loc.line - 1][loc.column : loc.end_column])
            if found is not None:
                start = loc.column + 1 + found.start()
                return Loc(loc.file, loc.line, start, loc.line, start + len(name))
    return None


def attribute_in(place: Loc, name: str) -> Loc | None:
    """Where an attribute is named inside a place."""
    source = source_of(str(ROOT / place.file))
    for node in nodes_in(place):
        if isinstance(node, ast.Attribute) and node.attr == name:
            return source.name_loc(node)
    return None


def part_of_import(place: Loc, name: str) -> Loc | None:
    """Where a name, or a module's last name, stands in an import statement."""
    lines = lines_of(str(ROOT / place.file))
    for number in range(place.line, (place.end_line or place.line) + 1):
        found = re.search(rf"\b{re.escape(name)}\b", lines[number - 1])
        if found is not None:
            return Loc(place.file, number, found.start() + 1, number, found.end() + 1)
    return None


def declaration(error: Misdeclared, place: Loc) -> tuple[Loc, tuple[Label, ...]]:
    """The member of a class that is wrong, and the one that it collides with; the class's name when it is the whole."""
    source = source_of(str(ROOT / place.file))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and source.loc(node).line == place.line:
            members = {text: member for member in node.body for text in member_names(member)}
            wrong, other = members.get(error.member), members.get(error.other)
            labels = () if other is None else (Label(source.loc(other), f"`{error.other}` is declared here"),)
            return (source.name_loc(node) if wrong is None else source.loc(part_of(wrong, error.part))), labels
    return place, ()


def member_names(node: ast.stmt) -> list[str]:
    """What a statement in a class body declares."""
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def part_of(node: ast.stmt, part: str) -> ast.AST:
    """The annotation, the value, or all of a member's declaration."""
    if isinstance(node, ast.AnnAssign) and part == "type":
        return node.annotation
    value = node.value if isinstance(node, ast.AnnAssign | ast.Assign) else None
    return node if part != "place" or value is None else value


def inside(error: BaseException, whole: Loc) -> Loc:
    """The part of an expression evaluated at build time that failed."""
    places = [place for _, place in traceback_of(error) if place.file == whole.file and place.end_line]
    inner = [place for place in places if whole.line <= place.line and place.end_line <= whole.end_line]
    return narrowed(error, inner[-1]) if inner else whole
