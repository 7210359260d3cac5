"""A check: a promise that the virtual machine keeps, and its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.lang import Span, span


@dataclass(frozen=True)
class Check:
    """`holds` runs in the guest."""

    name: Span
    holds: Callable[[], bool]


def check(function: Callable[[], bool]) -> Check:
    """The function's name, with spaces, is what the guest says."""
    return Check(span(function.__name__.replace("_", " ").encode()), function)


def checks_of(namespace: dict[str, Any]) -> tuple[Check, ...]:
    """The checks of a module, in the order of the file."""
    return tuple(thing for thing in namespace.values() if isinstance(thing, Check))
