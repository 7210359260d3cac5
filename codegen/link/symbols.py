"""From an image's symbol table and DWARF lines to the symbol file (`codegen.lang.symbol_file`) that a panic reads."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.lang.symbol_file import LINE_BITS, SYMBOL_FILE_MAGIC, SymbolFile, SymbolFunction, SymbolLine, SymbolSource

_HEADER, _FUNCTION, _LINE, _SOURCE = (
    struct.Struct("<IIQIIIIIIQ"),
    struct.Struct("<IIII"),
    struct.Struct("<II"),
    struct.Struct("<II"),
)
assert [s.size for s in (_HEADER, _FUNCTION, _LINE, _SOURCE)] == [
    layout.__layout__.size for layout in (SymbolFile, SymbolFunction, SymbolLine, SymbolSource)
]


def write_symbols(image: Path, output: Path) -> Path:
    """Writes the symbol file of an ELF image; without debug information it has no lines."""
    with image.open("rb") as file:
        elf: Any = ELFFile(file)
        text = elf.get_section_by_name(".text")
        base, end = text["sh_addr"], text["sh_addr"] + text["sh_size"]
        functions = _functions(elf, base, end)
        lines, files = _lines(elf, base, end)
        content = text.data()
    output.write_bytes(_pack(base, functions, lines, files, text_sum(content)))
    return output


def text_sum(content: bytes) -> int:
    """SymbolFile.text_sum of these bytes, a multiple of eight."""
    mask = (1 << 64) - 1
    total = 0
    for (word,) in struct.iter_unpack("<Q", content):
        total = ((total << 1 | total >> 63) + word) & mask
    return total


def _functions(elf: Any, base: int, end: int) -> list[tuple[int, int, str]]:
    """(start, end, name) of everything with a size in .text: stubs count as functions, aliases once."""
    found: dict[int, tuple[int, str]] = {}
    for symbol in elf.get_section_by_name(".symtab").iter_symbols():
        start, size = symbol["st_value"], symbol["st_size"]
        if (
            base <= start < end
            and symbol["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
            and symbol.name
        ):
            if size or symbol.name.startswith("mem"):
                found.setdefault(start - base, (size, symbol.name))
    starts = sorted(found)
    result = []
    for start, following in zip(starts, [*starts[1:], end - base], strict=True):
        size, name = found[start]
        result.append((start, min(start + size, following) if size else following, name))
    return result


def _lines(elf: Any, base: int, end: int) -> tuple[list[tuple[int, int, int]], list[str]]:
    """(start, file number, line), sorted, of the line table; equal neighbours merged."""
    files: dict[str, int] = {}
    rows: dict[int, tuple[int, int]] = {}
    if not elf.has_dwarf_info():
        return [], []
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        names = _file_names(program)
        for entry in program.get_entries():
            state = entry.state
            if state is None or not base <= state.address <= end:
                continue
            if state.end_sequence:
                rows.setdefault(state.address - base, (0, 0))
            else:
                name = names.get(state.file, "")
                rows[state.address - base] = (files.setdefault(name, len(files)), state.line)
    merged: list[tuple[int, int, int]] = []
    for start in sorted(rows):
        if not merged or merged[-1][1:] != rows[start]:
            merged.append((start, *rows[start]))
    return merged, list(files)


def _file_names(program: Any) -> dict[int, str]:
    """Path by file number of a DWARF 4 line program (numbers from 1; directory 0 is the compilation's)."""
    directories = [b"", *program["include_directory"]]
    names = {}
    for number, entry in enumerate(program["file_entry"], 1):
        directory = directories[entry.dir_index].decode()
        names[number] = f"{directory}/{entry.name.decode()}" if directory else entry.name.decode()
    return names


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
