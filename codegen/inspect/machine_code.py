"""A linked ELF file as routines of decoded instructions, and the padding between them: no byte is left out."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import capstone
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

_MODES = {32: capstone.CS_MODE_32, 64: capstone.CS_MODE_64}
PADDING = ("nop", "int3")
_PE_EXECUTABLE = 0x2000_0000


@dataclass(frozen=True, slots=True)
class Routine:
    """What a symbol of code names. `kind`: "function" (compiled), "stub" (assembled by us: may hold data and other
    modes, so it has no instructions here) or "runtime" (what LLVM calls by itself)."""

    name: str
    kind: str
    start: int
    code: bytes
    instructions: tuple[Any, ...]

    @property
    def end(self) -> int:
        return self.start + len(self.code)


@dataclass(frozen=True)
class MachineCode:
    """`gaps` are (address, bytes) of executable memory that no symbol names. `objects` are data symbols by address."""

    bits: int
    routines: tuple[Routine, ...]
    gaps: tuple[tuple[int, bytes], ...]
    objects: dict[int, tuple[str, int]]
    _memory: tuple[tuple[int, bytes], ...]
    _starts: list[int] = field(default_factory=list)

    def routine_at(self, address: int) -> Routine | None:
        """The routine that this address lies in."""
        if not self._starts:
            self._starts.extend(routine.start for routine in self.routines)
        number = bisect_right(self._starts, address) - 1
        found = self.routines[number] if number >= 0 else None
        return found if found is not None and address < found.end else None

    def routine(self, name: str) -> Routine:
        """By its symbol. KeyError when there is none."""
        for routine in self.routines:
            if routine.name == name:
                return routine
        raise KeyError(f"no routine {name}")

    def word(self, address: int) -> int | None:
        """The pointer in memory at this address; None where the file has no bytes."""
        size = self.bits // 8
        for start, content in self._memory:
            if start <= address and address + size <= start + len(content):
                return int.from_bytes(content[address - start : address - start + size], "little")
        return None


def decoder(bits: int) -> Any:
    """A disassembler with operands."""
    machine = capstone.Cs(capstone.CS_ARCH_X86, _MODES[bits])
    machine.detail = True
    return machine


def listing_decoder() -> Any:
    """A disassembler of 64-bit code for people to read: without operands, and bytes that are no instruction as data."""
    machine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    machine.skipdata = True
    return machine


def read_code(image: Path) -> MachineCode:
    """Decode all executable sections. ValueError for a function with bytes that are no instruction."""
    with image.open("rb") as file:
        elf: Any = ELFFile(file)
        bits = elf.elfclass
        sections = [s for s in elf.iter_sections() if s["sh_flags"] & SH_FLAGS.SHF_ALLOC]
        memory = tuple((s["sh_addr"], s.data()) for s in sections if s["sh_type"] == "SHT_PROGBITS")
        code = [(s["sh_addr"], s.data()) for s in sections if s["sh_flags"] & SH_FLAGS.SHF_EXECINSTR]
        symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
    machine = decoder(bits)
    routines: list[Routine] = []
    gaps: list[tuple[int, bytes]] = []
    objects: dict[int, tuple[str, int]] = {}
    for symbol in symbols:
        if symbol["st_info"]["type"] == "STT_OBJECT":
            objects[symbol["st_value"]] = (symbol.name, symbol["st_size"])
    for start, content in code:
        here = start
        for name, kind, first, end in _extents(symbols, start, start + len(content)):
            if first > here:
                gaps.append((here, content[here - start : first - start]))
            body = content[first - start : end - start]
            instructions = () if kind == "stub" else tuple(decode(machine, name, first, body))
            routines.append(Routine(name, kind, first, body, instructions))
            here = end
        if here < start + len(content):
            gaps.append((here, content[here - start :]))
    return MachineCode(bits, tuple(sorted(routines, key=lambda each: each.start)), tuple(gaps), objects, memory)


def decode(machine: Any, name: str, start: int, code: bytes) -> Iterator[Any]:
    """All instructions of a routine. ValueError where there is none."""
    here = start
    for instruction in machine.disasm(code, start):
        here = instruction.address + instruction.size
        yield instruction
    if here != start + len(code):
        raise ValueError(f"{name}: {code[here - start :][:16].hex()} at {here:#x} is no instruction")


def read_application(file: Path) -> MachineCode:
    """A PE application, which has no symbols: each executable section is one routine. Its constants lie elsewhere."""
    content = file.read_bytes()
    header = struct.unpack_from("<I", content, 0x3C)[0] + 4  # PE/COFF, 3.3 and 4
    count, optional = (struct.unpack_from("<H", content, header + offset)[0] for offset in (2, 16))
    base = struct.unpack_from("<Q", content, header + 20 + 24)[0]
    routines = []
    for number in range(count):
        fields = struct.unpack_from("<8sIIIIIIHHI", content, header + 20 + optional + 40 * number)
        if fields[9] & _PE_EXECUTABLE:
            name, start = fields[0].rstrip(b"\0").decode(), base + fields[2]
            body = content[fields[4] : fields[4] + min(fields[1], fields[3])]
            routines.append(Routine(name, "function", start, body, tuple(decode(decoder(64), name, start, body))))
    return MachineCode(64, tuple(routines), (), {}, ())


def _extents(symbols: Sequence[Any], start: int, end: int) -> Iterator[tuple[str, str, int, int]]:
    """(name, kind, start, end) of what symbols name in [start, end), in order; aliases once.

    LLVM's runtime functions have no sizes: they end where the next symbol begins.
    """
    found: dict[int, tuple[str, str, int]] = {}
    for symbol in symbols:
        place, size, type_ = symbol["st_value"], symbol["st_size"], symbol["st_info"]["type"]
        if not start <= place < end or not symbol.name or symbol["st_shndx"] == "SHN_ABS":
            continue
        if type_ == "STT_FUNC":
            found[place] = (symbol.name, "function", size)
        elif type_ == "STT_OBJECT":
            found[place] = (symbol.name, "stub", size)
        elif symbol["st_info"]["bind"] == "STB_GLOBAL" and not symbol.name.startswith("__"):
            found.setdefault(place, (symbol.name, "runtime", 0))
    places = sorted(found)
    for place, following in zip(places, [*places[1:], end], strict=True):
        name, kind, size = found[place]
        yield name, kind, place, min(place + size, following) if size else following


def is_padding(content: bytes, bits: int = 64) -> bool:
    """Whether these bytes only fill: NOPs of any length, INT3, or zeros behind the last routine."""
    if not content.strip(b"\0"):
        return True
    machine = capstone.Cs(capstone.CS_ARCH_X86, _MODES[bits])
    size = 0
    for _, length, mnemonic, _ in machine.disasm_lite(content, 0):
        if mnemonic.split()[-1] not in PADDING:
            return False
        size += length
    return size == len(content)
