"""Recursion is refused, so that stacks are bounded: cycles of the call graph, through tables and stubs too."""

from __future__ import annotations

from codegen.front.diagnostics import Diagnostic
from codegen.ir.nodes import Loc

Calls = dict[str, list[tuple[str, Loc]]]


def recursion(calls: Calls) -> list[Diagnostic]:
    """One diagnostic per cycle found, at the call that closes it."""
    found: list[Diagnostic] = []
    done: set[str] = set()
    for start in sorted(calls):
        if start not in done:
            walk(calls, start, done, found)
    return found


def walk(calls: Calls, start: str, done: set[str], found: list[Diagnostic]) -> None:
    """Depth first, with a list instead of Python's stack."""
    path = [start]
    on_path = {start}
    positions = [0]
    while path:
        edges = calls.get(path[-1], [])
        if positions[-1] == len(edges):
            done.add(path[-1])
            on_path.discard(path.pop())
            positions.pop()
            continue
        target, loc = edges[positions[-1]]
        positions[-1] += 1
        if target in on_path:
            cycle = " -> ".join([*path[path.index(target) :], target])
            found.append(Diagnostic(f"recursion: {cycle}", loc, help="stacks in ring 0 are bounded: write a loop"))
        elif target not in done:
            path.append(target)
            on_path.add(target)
            positions.append(0)
