"""The symbol file of an image: functions and source lines by address, sorted, so that a panic can search it by halves.

All offsets count bytes from the start of the file; names are UTF-8 without terminators, in no order. Addresses count
from `base`, where the image begins. `codegen.link.symbols` writes it.
"""

from __future__ import annotations

from codegen.lang.cells import Field, at
from codegen.lang.ints import u32, u64
from codegen.lang.structs import Struct

SYMBOL_FILE_MAGIC = 0x3153424B
"""The bytes `KBS1`."""

LINE_BITS = 20


class SymbolFile(Struct, size=48, align=4):
    """The start of the file."""

    magic: Field[u32] = at(0)
    size: Field[u32] = at(4)
    base: Field[u64] = at(8)
    function_count: Field[u32] = at(16)
    functions: Field[u32] = at(20)
    line_count: Field[u32] = at(24)
    lines: Field[u32] = at(28)
    file_count: Field[u32] = at(32)
    files: Field[u32] = at(36)
    text_sum: Field[u64] = at(40)  # of .text, by words: sum = rotate_left(sum, 1) + word; tells images apart


class SymbolFunction(Struct, size=16, align=4):
    """Code from `start` up to `end`; entries do not overlap and are sorted by `start`."""

    start: Field[u32] = at(0)
    end: Field[u32] = at(4)
    name: Field[u32] = at(8)
    name_length: Field[u32] = at(12)


class SymbolLine(Struct, size=8, align=4):
    """Code of one line, from `start` up to the next entry. `place` is the line number in the low LINE_BITS, above
    it the number of the file. Line 0: code that belongs to no source. Sorted by `start`.
    """

    start: Field[u32] = at(0)
    place: Field[u32] = at(4)


class SymbolSource(Struct, size=8, align=4):
    """A source file's name, relative to the tree."""

    name: Field[u32] = at(0)
    name_length: Field[u32] = at(4)
