"""What only cold functions call is cold as well: start-up and panics are made small without a word at each function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegen.ir.nodes import Declaration, Loc
from codegen.ir.summary import Summary


def cold_functions(
    functions: Mapping[str, Declaration] | Mapping[str, Summary], calls: Mapping[str, Sequence[tuple[str, Loc]]]
) -> set[str]:
    """The functions declared cold, and those that nothing else reaches. `calls` has edges through tables and stubs."""
    callers: dict[str, set[str]] = {}
    for caller, edges in calls.items():
        for target, _ in edges:
            callers.setdefault(target, set()).add(caller)
    cold = {symbol for symbol, function in functions.items() if function.cold}
    waiting = [target for symbol in cold for target, _ in calls.get(symbol, ())]
    while waiting:
        symbol = waiting.pop()
        exported = symbol in functions and functions[symbol].exported
        if symbol in cold or exported or not callers[symbol] <= cold:
            continue
        cold.add(symbol)
        waiting += [target for target, _ in calls.get(symbol, ())]
    return cold & functions.keys()
