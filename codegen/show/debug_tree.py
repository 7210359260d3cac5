"""What DWARF says of an image: the line of every address, and which functions were inlined where."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.dwarf.ranges import BaseAddressEntry
from elftools.elf.elffile import ELFFile


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a source file."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Inlined:
    """A call that was replaced by the code of `symbol`. `caller` is the function that the call is written in, `holder`
    the one that has the code. `ranges` are [start, end)."""

    symbol: str
    caller: str
    holder: str
    call: Place
    depth: int
    ranges: tuple[tuple[int, int], ...]


class DebugTree:
    """The debug information of an ELF file, read once."""

    def __init__(self, image: Path) -> None:
        self._file = image.open("rb")
        self.elf: Any = ELFFile(self._file)
        self._dwarf: Any = self.elf.get_dwarf_info()
        table: Any = self.elf.get_section_by_name(".symtab")
        self.symbols: dict[str, tuple[int, int]] = {
            symbol.name: (symbol["st_value"], symbol["st_size"]) for symbol in table.iter_symbols() if symbol.name
        }

    def content(self, start: int, size: int) -> bytes:
        """Bytes of the image at a virtual address."""
        for segment in self.elf.iter_segments("PT_LOAD"):
            offset = start - segment["p_vaddr"]
            if 0 <= offset and offset + size <= segment["p_memsz"]:
                self._file.seek(segment["p_offset"] + offset)
                in_file = max(0, min(size, segment["p_filesz"] - offset))
                return self._file.read(in_file).ljust(size, b"\0")
        raise ValueError(f"the image holds nothing at {start:#x}")

    @cached_property
    def _rows(self) -> tuple[list[int], list[Place | None]]:
        found: dict[int, Place | None] = {}
        for unit in self._dwarf.iter_CUs():
            program = self._dwarf.line_program_for_CU(unit)
            names = file_names(program)
            for entry in program.get_entries():
                state = entry.state
                if state is not None and (not state.end_sequence or state.address not in found):
                    place = Place(names[state.file], state.line)
                    found[state.address] = None if state.end_sequence else place
        starts = sorted(found)
        return starts, [found[start] for start in starts]

    def place(self, address: int) -> Place | None:
        """The line that an instruction belongs to; line 0 where the compiler made it up."""
        starts, places = self._rows
        row = bisect.bisect_right(starts, address) - 1
        return places[row] if row >= 0 else None

    @cached_property
    def inlined(self) -> list[Inlined]:
        """Every inlined call of the image; the linker puts what it dropped at address 0."""
        found: list[Inlined] = []
        for unit in self._dwarf.iter_CUs():
            names = file_names(self._dwarf.line_program_for_CU(unit))
            for die in unit.get_top_DIE().iter_children():
                start = die.attributes.get("DW_AT_low_pc")
                if die.tag == "DW_TAG_subprogram" and start is not None and start.value != 0:
                    self._walk(die, [symbol_of(die)], names, found)
        return found

    def _walk(self, die: Any, chain: list[str], names: dict[int, str], found: list[Inlined]) -> None:
        for child in die.iter_children():
            if child.tag != "DW_TAG_inlined_subroutine":
                self._walk(child, chain, names, found)
                continue
            symbol = symbol_of(child)
            number, line = (child.attributes[f"DW_AT_call_{part}"].value for part in ("file", "line"))
            call = Place(names[number], line)
            found.append(Inlined(symbol, chain[-1], chain[0], call, len(chain), self._ranges(child)))
            self._walk(child, [*chain, symbol], names, found)

    def _ranges(self, die: Any) -> tuple[tuple[int, int], ...]:
        """The addresses of an entry."""
        if "DW_AT_low_pc" in die.attributes:
            low, high = die.attributes["DW_AT_low_pc"].value, die.attributes["DW_AT_high_pc"]
            return ((low, high.value if high.form == "DW_FORM_addr" else low + high.value),)
        if "DW_AT_ranges" not in die.attributes:
            return ()
        base = die.cu.get_top_DIE().attributes["DW_AT_low_pc"].value
        found = []
        for entry in self._dwarf.range_lists().get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, die.cu):
            if isinstance(entry, BaseAddressEntry):
                base = entry.base_address
            else:
                start = 0 if entry.is_absolute else base
                found.append((start + entry.begin_offset, start + entry.end_offset))
        return tuple(found)


def symbol_of(die: Any) -> str:
    """The symbol of a function's entry, which may stand in the entry of which this is one copy."""
    while "DW_AT_abstract_origin" in die.attributes:
        die = die.get_DIE_from_attribute("DW_AT_abstract_origin")
    name = die.attributes.get("DW_AT_linkage_name", die.attributes.get("DW_AT_name"))
    return str(name.value.decode())


def file_names(program: Any) -> dict[int, str]:
    """Path by file number of a line program, DWARF 4 (numbers from 1, directory 0 is the compilation's) or 5."""
    old = program["version"] < 5
    directories = [b"", *program["include_directory"]] if old else list(program["include_directory"])
    names = {}
    for number, entry in enumerate(program["file_entry"], 1 if old else 0):
        directory = directories[entry.dir_index].decode()
        names[number] = f"{directory}/{entry.name.decode()}" if directory not in ("", ".") else entry.name.decode()
    return names
