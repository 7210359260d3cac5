"""The line table of one object, relative to its functions, so that it is decoded once and not at every link."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.link.symbol_table import FUNCTION, symbol_table

_RELA = struct.Struct("<QQq")

Row = tuple[int, str, int]
"""Offset, file (empty behind the last instruction), line; ascending."""

Lines = dict[str, list[Row]]
"""Rows by the first function of their section, from which offsets count."""


def decode_lines(file: Path) -> Lines:
    """From DWARF. Each sequence of a line program begins with the only address that it has, and that is relocated: so
    the relocations name the sections of the sequences, in their order."""
    with file.open("rb") as stream:
        elf: Any = ELFFile(stream)
        relocations = elf.get_section_by_name(".rela.debug_line")
        if relocations is None:
            return {}
        symbols = symbol_table(elf)
        leaders: dict[int, tuple[int, str]] = {}
        for symbol in symbols:
            if symbol.kind == FUNCTION:
                place = symbol.value, symbol.name
                leaders[symbol.section] = min(leaders.get(symbol.section, place), place)
        dwarf = elf.get_dwarf_info(relocate_dwarf_sections=False)
        programs = [program for unit in dwarf.iter_CUs() if (program := dwarf.line_program_for_CU(unit)) is not None]
        sequences = [sequence for program in programs for sequence in decode_sequences(program)]
        found: Lines = {}
        for (_, information, addend), rows in zip(_RELA.iter_unpack(relocations.data()), sequences, strict=True):
            begin, leader = leaders[symbols[information >> 32].section]
            shift = addend - begin
            found[leader] = [(offset + shift, source, line) for offset, source, line in rows]
    return found


def decode_sequences(program: Any) -> list[list[Row]]:
    """The rows of each sequence; equal neighbours merged."""
    names = file_names(program)
    found: list[list[Row]] = []
    rows: list[Row] = []
    for entry in program.get_entries():
        state = entry.state
        if state is None:
            continue
        source, line = ("", 0) if state.end_sequence else (names.get(state.file, ""), state.line)
        if rows and rows[-1][0] == state.address:
            rows.pop()
        if not rows or rows[-1][1:] != (source, line):
            rows.append((state.address, source, line))
        if state.end_sequence:
            found.append(rows)
            rows = []
    return found


def file_names(program: Any) -> dict[int, str]:
    """Path by file number of a DWARF 4 line program (numbers from 1; directory 0 is the compilation's)."""
    directories = [b"", *program["include_directory"]]
    names = {}
    for number, entry in enumerate(program["file_entry"], 1):
        directory = directories[entry.dir_index].decode()
        names[number] = f"{directory}/{entry.name.decode()}" if directory else entry.name.decode()
    return names
