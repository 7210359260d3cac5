"""What gdb does not tell of an ELF64 file: sizes of its symbols, and all names of its debug information."""

from __future__ import annotations

import re
import struct
from functools import cache
from pathlib import Path
from typing import NamedTuple

SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")


class Symbol(NamedTuple):
    """`size` in bytes."""

    address: int
    size: int


@cache
def sections(file: str) -> dict[str, bytes]:
    """Contents by name."""
    content = Path(file).read_bytes()
    (table,) = struct.unpack_from("<Q", content, 0x28)
    size, count, names = struct.unpack_from("<HHH", content, 0x3A)
    headers = [SECTION.unpack_from(content, table + number * size) for number in range(count)]
    strings = content[headers[names][4] :]
    found = {}
    for name, kind, _, _, offset, length, *_ in headers:
        no_bits = 8
        found[text_at(strings, name)] = b"" if kind == no_bits else content[offset : offset + length]
    return found


@cache
def symbols(file: str) -> dict[str, Symbol]:
    """The symbol table; of two local symbols with one name, the last."""
    parts = sections(file)
    strings = parts[".strtab"]
    entries = SYMBOL.iter_unpack(parts[".symtab"])
    return {text_at(strings, name): Symbol(value, size) for name, _, _, _, value, size in entries}


def names_ending(file: str, name: str) -> list[str]:
    """All names in the debug information that are `name`, or end with it behind a dot: functions, static memory."""
    text = sections(file)[".debug_str"]
    pattern = rb"(?<=\0)(?:[\w<>.]+\.)?" + re.escape(name.encode()) + rb"(?=\0)"
    return sorted({found.decode() for found in re.findall(pattern, b"\0" + text)})


def text_at(strings: bytes, offset: int) -> str:
    """A NUL-terminated string."""
    return strings[offset : strings.index(b"\0", offset)].decode()
