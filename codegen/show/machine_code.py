"""The instructions of one function of an image, each with the lines of Python that it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from codegen.inspect.machine_code import listing_decoder
from codegen.show.debug_tree import DebugTree, Inlined, Place

_DISASSEMBLER = listing_decoder()
_TARGET = re.compile(r"0x[0-9a-f]{6,}")


@dataclass(frozen=True, slots=True)
class Instruction:
    """`place` is its line, which is that of an inlined function where `inside` (outermost first) is not empty."""

    address: int
    content: bytes
    text: str
    place: Place | None
    inside: tuple[Inlined, ...]


def instructions(tree: DebugTree, symbol: str) -> list[Instruction]:
    """In the order of addresses; empty when the image has no code of its own for this symbol."""
    if symbol not in tree.symbols:
        return []
    start, size = tree.symbols[symbol]
    holders = [one for one in tree.inlined if any(low < start + size and start < high for low, high in one.ranges)]
    return [
        Instruction(found.address, bytes(found.bytes), readable(tree, found), tree.place(found.address), inside)
        for found in _DISASSEMBLER.disasm(tree.content(start, size), start)
        for inside in [enclosing(holders, found.address)]
    ]


def enclosing(holders: list[Inlined], address: int) -> tuple[Inlined, ...]:
    """The inlined calls that an address lies in, the outermost first."""
    found = [one for one in holders if any(low <= address < high for low, high in one.ranges)]
    return tuple(sorted(found, key=lambda one: one.depth))


def readable(tree: DebugTree, found: Any) -> str:
    """An instruction with symbols in place of addresses."""
    text = f"{found.mnemonic} {found.op_str}".strip()
    return _TARGET.sub(lambda number: named(tree, int(number.group(), 16)), text)


def named(tree: DebugTree, address: int) -> str:
    """`symbol`, `symbol+offset`, or the number."""
    for symbol, (start, size) in tree.symbols.items():
        if address == start or start < address < start + size:
            return symbol if address == start else f"{symbol}+{address - start:#x}"
    return f"{address:#x}"


def first_copy(tree: DebugTree, symbol: str) -> list[Instruction]:
    """The code of a function where it was first inlined; empty where nothing is left of it."""
    for call in (one for one in tree.inlined if one.symbol == symbol):
        return [
            replace(one, inside=one.inside[one.inside.index(call) + 1 :])
            for one in instructions(tree, call.holder)
            if call in one.inside
        ]
    return []
