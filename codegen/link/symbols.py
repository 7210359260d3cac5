"""From an image's symbols and its objects' lines to the symbol file (`codegen.lang.symbol_file`) that a panic reads."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.lang.symbol_file import LINE_BITS, SYMBOL_FILE_MAGIC, SymbolFile, SymbolFunction, SymbolLine, SymbolSource
from codegen.link.lines import Lines, decode_lines
from codegen.link.remembered import remembered
from codegen.link.symbol_table import FUNCTION, symbol_table

_HEADER, _FUNCTION, _LINE, _SOURCE = (
    struct.Struct("<IIQIIIIIIQ"),
    struct.Struct("<IIII"),
    struct.Struct("<II"),
    struct.Struct("<II"),
)
_NOTYPE_OBJECT_FUNCTION = (0, 1, FUNCTION)
assert [s.size for s in (_HEADER, _FUNCTION, _LINE, _SOURCE)] == [
    layout.__layout__.size for layout in (SymbolFile, SymbolFunction, SymbolLine, SymbolSource)
]


def write_symbols(image: Path, objects: Sequence[Path], output: Path) -> Path:
    """Writes the symbol file of an ELF image; the lines are those of the objects that it was linked from."""
    with image.open("rb") as file:
        elf: Any = ELFFile(file)
        text = elf.get_section_by_name(".text")
        base, end = text["sh_addr"], text["sh_addr"] + text["sh_size"]
        symbols = symbol_table(elf)
        content = text.data()
    found = [
        (symbol.value - base, symbol.size, symbol.name)
        for symbol in symbols
        if symbol.name and base <= symbol.value < end and symbol.kind in _NOTYPE_OBJECT_FUNCTION
    ]
    functions = _functions(found, end - base)
    starts = {name: start for start, _, name in found}
    lines, files = _lines(remembered(objects, decode_lines), starts)
    output.write_bytes(_pack(base, functions, lines, files, text_sum(content)))
    return output


def text_sum(content: bytes) -> int:
    """SymbolFile.text_sum of these bytes, a multiple of eight."""
    mask = (1 << 64) - 1
    total = 0
    for (word,) in struct.iter_unpack("<Q", content):
        total = ((total << 1 | total >> 63) + word) & mask
    return total


def _functions(symbols: list[tuple[int, int, str]], end: int) -> list[tuple[int, int, str]]:
    """(start, end, name) of everything with a size in .text: stubs count as functions, aliases once."""
    found: dict[int, tuple[int, str]] = {}
    for start, size, name in symbols:
        if size or name.startswith("mem"):
            found.setdefault(start, (size, name))
    starts = sorted(found)
    result = []
    for start, following in zip(starts, [*starts[1:], end], strict=True):
        size, name = found[start]
        result.append((start, min(start + size, following) if size else following, name))
    return result


def _lines(objects: list[Lines], starts: dict[str, int]) -> tuple[list[tuple[int, int, int]], list[str]]:
    """(start, file number, line), sorted, of what the linker kept; equal neighbours merged."""
    files: dict[str, int] = {}
    rows = sorted(
        (starts[function] + offset, files.setdefault(file, len(files)) if line else 0, line)
        for lines in objects
        for function, own in lines.items()
        if function in starts
        for offset, file, line in own
    )
    merged: list[tuple[int, int, int]] = []
    for (start, file, line), following in zip(rows, [*rows[1:], (-1, 0, 0)], strict=False):
        if start != following[0] and (not merged or merged[-1][1:] != (file, line)):
            merged.append((start, file, line))
    return merged, list(files)


def _pack(
    base: int, functions: list[tuple[int, int, str]], lines: list[tuple[int, int, int]], files: list[str], identity: int
) -> bytes:
    functions_at = _HEADER.size
    lines_at = functions_at + len(functions) * _FUNCTION.size
    files_at = lines_at + len(lines) * _LINE.size
    names = bytearray()
    names_at = files_at + len(files) * _SOURCE.size
    body = bytearray()
    for start, end, name in functions:
        encoded = name.encode()
        body += _FUNCTION.pack(start, end, names_at + len(names), len(encoded))
        names += encoded
    for start, file, line in lines:
        body += _LINE.pack(start, file << LINE_BITS | min(line, (1 << LINE_BITS) - 1))
    for name in files:
        encoded = name.encode()
        body += _SOURCE.pack(names_at + len(names), len(encoded))
        names += encoded
    counts = (len(functions), functions_at, len(lines), lines_at, len(files), files_at, identity)
    return _HEADER.pack(SYMBOL_FILE_MAGIC, names_at + len(names), base, *counts) + bytes(body + names)
