"""What the rest of a program must know of a function's body: how large it is, and what it refers to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.ir import nodes as ir


@dataclass(frozen=True, slots=True)
class Summary:
    """`size` counts nodes of the IR. `calls` are functions, stubs, intrinsics and builtins by symbol; `data` is static
    memory, and symbols of the linker; `tables` are called through. All sorted."""

    symbol: str
    file: str
    size: int
    calls: tuple[str, ...]
    tables: tuple[str, ...]
    data: tuple[str, ...]
    exported: bool
    noinline: bool
    cold: bool
    inline: bool
    hot: bool


def summarize(function: ir.Function) -> Summary:
    """The summary of a lowered function."""
    size, calls, tables, data = 0, set(), set(), set()
    for node in nodes_below(function.body):
        size += 1
        match node:
            case ir.Call(callee):
                calls.add(callee)
            case ir.CallIndirect(table):
                tables.add(table)
            case ir.Symbol(name):
                data.add(name)
            case _:
                pass
    return Summary(
        function.symbol,
        function.loc.file,
        size,
        tuple(sorted(calls)),
        tuple(sorted(tables)),
        tuple(sorted(data)),
        function.exported,
        function.noinline,
        function.cold,
        function.inline,
        function.hot,
    )


def nodes_below(node: Any) -> Iterator[Any]:
    """Every expression and statement in a tuple of them (nested tuples too), each before what it consists of."""
    stack = [node]
    while stack:
        found = stack.pop()
        if type(found) is tuple:
            stack.extend(reversed(found))
        elif (names := CHILDREN.get(found.__class__)) is not None:
            yield found
            stack.extend(getattr(found, name) for name in names)


def children(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a kind of node that may hold other nodes, the last one first."""
    plain = {"loc", "type", "op", "check", "align", "volatile", "space", "order", "kind", "label", "stride", "bytes"}
    return tuple(field.name for field in reversed(dataclasses.fields(kind)) if field.name not in plain)


CHILDREN = {kind: children(kind) for kind in ir.KINDS}
