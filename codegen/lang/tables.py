"""Function tables: dispatch by number over a closed set of functions of one signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from codegen.lang.checks import INDEX, named, trap
from codegen.lang.declared import Misdeclared
from codegen.lang.enums import HwEnum
from codegen.lang.routines import Routine
from codegen.lang.spans import count


class FnTable:
    """`entries[i]` is what `table[i](…)` calls; the index (enum, unsigned integer or literal) is checked.

    `made` are all tables, in the order in which they were made.
    """

    made: ClassVar[list[FnTable]] = []

    def __init__(self, entries: tuple[Routine, ...]) -> None:
        self.entries = entries
        FnTable.made.append(self)

    def __getitem__(self, index: Any, /) -> Routine:
        number = index.value if isinstance(index, HwEnum) else count(index)
        if not 0 <= number < len(self.entries):
            trap(INDEX)
        return self.entries[number]

    def __len__(self) -> int:
        return len(self.entries)


def fn_table(entries: Sequence[Any] | Mapping[Any, Any], *, default: Any = None, size: int | None = None) -> FnTable:
    """Of a list, or of a mapping by enum or number; `default` fills up to `size` (the entries given, without one).

    All must have one signature, which is checked when the program is built. Misdeclared for a gap without default.
    """
    given = (
        {number_of(key): f for key, f in entries.items()} if isinstance(entries, Mapping) else dict(enumerate(entries))
    )
    length = size if size is not None else max(given, default=-1) + 1
    if max(given, default=-1) >= length:
        raise Misdeclared(f"entry {max(given)} is outside a table of {length}")
    filled = tuple(given.get(number, default) for number in range(length))
    for number, entry in enumerate(filled):
        if not isinstance(entry, Routine):
            raise Misdeclared(f"entry {number} of a function table is {named(entry)}, not a function of the language")
    return FnTable(filled)


def number_of(key: Any) -> int:
    """Of an enum member, a typed integer or a Python int."""
    return int(key.value if isinstance(key, HwEnum) else key)
