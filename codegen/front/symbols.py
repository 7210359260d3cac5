"""The symbol of every function, stub, table and piece of static memory, and the way back from a symbol.

Symbols follow from what the modules declare, not from the order in which a program reaches it: a part of a program can
be compiled by itself, and one symbol means the same in all parts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

from codegen.lang.cells import Array
from codegen.lang.routines import Fn, Routine, StubFn
from codegen.lang.statics import Static, all_statics, static_of
from codegen.lang.structs import Struct
from codegen.lang.tables import FnTable


class Symbols:
    """Of a program made of `modules`; `provided` maps contracts (by id) to the functions that provide them, `exported`
    symbols to the functions that are exported by that name."""

    def __init__(self, modules: Sequence[ModuleType], provided: dict[int, Fn], exported: dict[str, Fn]) -> None:
        self._provided = provided
        self._exported = exported
        self._modules = {module.__name__ for module in modules}
        self._tables: dict[int, str] = {}
        self._statics: dict[int, str] = {}
        for module in modules:
            for name, thing in vars(module).items():
                if isinstance(thing, FnTable):
                    self._tables.setdefault(id(thing), f"{module.__name__}.{name}")
                elif isinstance(thing, Struct | Array) and (found := static_of(thing)) is not None and found[1] == 0:
                    self._statics.setdefault(found[0].address, f"{module.__name__}.{name}")

    def of_routine(self, routine: Routine) -> str:
        """The exported name; or that of the contract which a function provides, so that whoever calls a contract is the
        same in every image; or module.qualname, where closures of one name get their number."""
        if isinstance(routine, StubFn):
            return routine.symbol
        if isinstance(routine, Fn):
            if routine.options.export:
                return routine.options.export
            if routine.implements and self._provided.get(id(routine.implements[0])) is routine:
                return routine.implements[0].name
        base = routine.name.replace(".<locals>", "")
        return base if routine.serial == 1 else f"{base}.{routine.serial}"

    def of_table(self, table: FnTable[Any]) -> str:
        """After the module variable that holds it, if one does."""
        found = self._tables.get(id(table))
        if found is None:
            numbers = {id(other): number for number, other in enumerate(FnTable.made)}
            found = self._tables[id(table)] = f"fn_table.{numbers[id(table)]}"
        return found

    def of_static(self, static: Static) -> str:
        """After the module variable that holds it; byte strings after their content; the rest in order of
        declaration."""
        found = self._statics.get(static.address)
        if found is None:
            if static.kind == "bytes":
                found = f"bytes.{hashlib.sha256(static.contents()).hexdigest()[:12]}"
            else:
                found = self._nameless(static)
            self._statics[static.address] = found
        return found

    def _nameless(self, static: Static) -> str:
        """Two classes may have one name, so that it is the name that is counted."""
        name = element_name(static)
        alike = [s.address for s in all_statics() if s.kind == static.kind and element_name(s) == name]
        return f"{static.kind}.{name}.{alike.index(static.address)}"

    @cached_property
    def routines(self) -> dict[str, Fn | StubFn]:
        """Every function and stub that exists, by symbol; of several the one in the program's modules."""
        found: dict[str, Fn | StubFn] = {}
        for same_name in Routine.made.values():
            for routine in same_name:
                if isinstance(routine, Fn | StubFn):
                    symbol = self.of_routine(routine)
                    if symbol not in found or routine.__module__ in self._modules:
                        found[symbol] = routine
        return found | self._exported

    @cached_property
    def tables(self) -> dict[str, FnTable[Any]]:
        """Every table of functions."""
        return {self.of_table(table): table for table in FnTable.made}

    @cached_property
    def statics(self) -> dict[str, Static]:
        """All static memory."""
        return {self.of_static(static): static for static in all_statics()}


def element_name(static: Static) -> str:
    """Of the element's class; other elements have none."""
    return str(getattr(static.element, "__name__", "item"))
