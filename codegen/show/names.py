"""From what a person calls a function to its symbol."""

from __future__ import annotations

import difflib

from codegen.ir.nodes import Program

LISTED = 8


class NoSuchFunction(Exception):
    """No function of the program, or several, have this name; the message says which come near."""


def find_symbol(program: Program, wanted: str) -> str:
    """The function or stub called `wanted`: its symbol, its full name, or the last parts of one. Raises
    NoSuchFunction."""
    names = {symbol: function.name for symbol, function in program.functions.items()}
    names.update((symbol, symbol) for symbol in program.stubs)
    if wanted in names:
        return wanted
    found = [symbol for symbol, name in names.items() if wanted in endings(symbol) or wanted in endings(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchFunction(f"{wanted!r} is the name of {len(found)} functions:{listed(found)}")
    short = {name: symbol for symbol in names for name in endings(symbol)}
    near = [short[name] for name in difflib.get_close_matches(wanted, list(short), LISTED, 0.7)]
    advice = f"; did you mean{listed(list(dict.fromkeys(near)))}" if near else ""
    raise NoSuchFunction(f"the program has no function {wanted!r}{advice}")


def endings(name: str) -> set[str]:
    """`c`, `b.c` and `a.b.c` of `a.b.c`; what Python writes for a function inside another is left out."""
    parts = name.replace(".<locals>", "").split(".")
    return {".".join(parts[start:]) for start in range(len(parts))}


def listed(symbols: list[str]) -> str:
    """One to a line, not too many."""
    more = len(symbols) - LISTED
    lines = [f"\n  {symbol}" for symbol in symbols[:LISTED]]
    return "".join(lines) + (f"\n  and {more} more" if more > 0 else "")
