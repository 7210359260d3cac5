"""One line of the report: a name, one of three words, and what the user can do. 80 columns of a text screen hold it."""

from __future__ import annotations

from codegen.lang import Span, fn, len, span
from hypervisor.console.log import log

USED = span(b"used")
NOT_YET = span(b"not supported yet")
MISSING = span(b"missing")


@fn(cold=True)
def used(name: Span, detail: Span) -> None:
    """Keelback has it and uses it."""
    line(name, USED, detail)


@fn(cold=True)
def not_yet(name: Span, detail: Span) -> None:
    """The machine has it; Keelback leaves it alone."""
    line(name, NOT_YET, detail)


@fn(cold=True)
def missing(name: Span, remedy: Span) -> None:
    """The machine does not have it, or hides it."""
    line(name, MISSING, remedy)


@fn(cold=True)
def line(name: Span, word: Span, detail: Span) -> None:
    if len(detail) == 0:
        log(f"{name}: {word}")
    else:
        log(f"{name}: {word} ({detail})")
