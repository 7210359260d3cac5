"""How a verb joins the table: a decorator with its usage, resolved when the image is generated. The usage says what is
checked before the verb runs, its docstring is for docs/ctl.md."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hypervisor.ctl.request import Request, ValueKind
from hypervisor.progress import Progress

ARGUMENTS_MAX = 3
KINDS = {"TEXT": ValueKind.TEXT, "N": ValueKind.NUMBER}


Function = Callable[[Request], Progress]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True)
class Verb:
    """One entry. `arguments` are the members that it must have, with their kinds."""

    name: str
    arguments: tuple[tuple[str, ValueKind], ...]
    summary: str
    function: Function


REGISTERED: dict[str, Verb] = {}


def verb(usage: str, summary: str = "") -> Callable[[F], F]:
    """Register the decorated `@fn`: `NAME KEY=TEXT KEY=N`. A name that is taken is a build error. `summary`: in place
    of the docstring."""
    name, *members = usage.split()
    arguments = tuple((key, KINDS[kind]) for key, _, kind in (member.partition("=") for member in members))
    if len(arguments) > ARGUMENTS_MAX:
        raise ValueError(f"{usage}: at most {ARGUMENTS_MAX} arguments")

    def register(function: F) -> F:
        if name in REGISTERED:
            raise ValueError(f"there are two verbs called {name}")
        words = summary or " ".join((inspect.getdoc(function) or "").split())
        REGISTERED[name] = Verb(name, arguments, words, function)
        return function

    return register
