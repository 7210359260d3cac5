"""The symbol table of an ELF64 file, all at once: pyelftools builds an object tree for each symbol."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

_SYMBOL = struct.Struct("<IBBHQQ")
FUNCTION = 2


class Symbol(NamedTuple):
    """`kind` is ELF's type (STT_*), `section` the index of the symbol's section."""

    name: str
    kind: int
    section: int
    value: int
    size: int


def symbol_table(elf: Any) -> list[Symbol]:
    """In the file's order, from number 0, the nameless one."""
    names = elf.get_section_by_name(".strtab").data()
    entries = _SYMBOL.iter_unpack(elf.get_section_by_name(".symtab").data())
    return [
        Symbol(names[at : names.index(b"\0", at)].decode(), kind & 15, section, value, size)
        for at, kind, _, section, value, size in entries
    ]
