"""What every link must have given: known relocations, no symbol without a value, nothing writable and executable.

The linker accepts more than we mean: a relocation through a GOT that nobody fills, a weak symbol at address 0, a
section whose flags another one's have widened. Debug information is not loaded, so nothing is asked of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from elftools.elf.constants import P_FLAGS, SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_i386, ENUM_RELOC_TYPE_x64

from codegen.link.lld import LinkError
from codegen.link.remembered import remembered

ALLOWED = {
    "EM_X86_64": ("R_X86_64_64", "R_X86_64_32", "R_X86_64_32S", "R_X86_64_PC32", "R_X86_64_PLT32"),
    "EM_386": ("R_386_32", "R_386_PC32", "R_386_PLT32"),
}
"""By machine: absolute addresses and those relative to the instruction. No GOT, no TLS, nothing for a loader to do."""

ALLOWED_PE = {1: "IMAGE_REL_AMD64_ADDR64", 4: "IMAGE_REL_AMD64_REL32"}
_TYPES = {"EM_X86_64": ENUM_RELOC_TYPE_x64, "EM_386": ENUM_RELOC_TYPE_i386}
_ENTRIES = {"SHT_RELA": {64: struct.Struct("<QQq"), 32: struct.Struct("<IIi")}, "SHT_REL": {32: struct.Struct("<II")}}
_PE_DISCARDABLE, _PE_EXECUTABLE, _PE_WRITABLE = 0x0200_0000, 0x2000_0000, 0x8000_0000
_COFF_SECTION = struct.Struct("<8sIIIIIIHHI")


def verify_objects(objects: Sequence[Path]) -> None:
    """Check ELF objects before they are linked. Raises LinkError with all complaints."""
    found = zip(objects, remembered(objects, object_complaints), strict=True)
    _refuse([f"{each.name}: {text}" for each, complaints in found for text in complaints])


def verify_image(output: Path) -> None:
    """Check what was linked of them."""
    _refuse([f"{output.name}: {text}" for text in _image_complaints(output)])


def verify_pe(objects: Sequence[Path], output: Path) -> None:
    """The same of COFF objects and a PE application; lld-link refuses undefined symbols itself."""
    complaints = [f"{each.name}: {text}" for each in objects for text in _coff_complaints(each.read_bytes())]
    content = output.read_bytes()
    start = int(struct.unpack_from("<I", content, 0x3C)[0]) + 4
    for name, flags, _, _ in _coff_sections(content, start):
        if flags & _PE_EXECUTABLE and flags & _PE_WRITABLE:
            complaints.append(f"{output.name}: section {name} is writable and executable")
    _refuse(complaints)


def _refuse(complaints: list[str]) -> None:
    if complaints:
        raise LinkError("\n".join(complaints))


def object_complaints(file: Path) -> list[str]:
    """What is wrong with the relocations of an ELF object."""
    return list(_relocation_complaints(file))


def _relocation_complaints(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        elf: Any = ELFFile(stream)
        machine = elf.header["e_machine"]
        types = _TYPES[machine]
        allowed = {types[name] for name in ALLOWED[machine]}
        names = {number: name for name, number in types.items()}
        sections = list(elf.iter_sections())
        for section in sections:
            if section["sh_type"] not in _ENTRIES:
                continue
            target = sections[section["sh_info"]]
            if not target["sh_flags"] & SH_FLAGS.SHF_ALLOC:
                continue
            mask = 0xFFFF_FFFF if elf.elfclass == 64 else 0xFF
            entries = _ENTRIES[section["sh_type"]][elf.elfclass].iter_unpack(section.data())
            for number in sorted({entry[1] & mask for entry in entries} - allowed):
                yield f"section {target.name} has relocations of type {names.get(number, number)}"


def _image_complaints(file: Path) -> Iterator[str]:
    with file.open("rb") as stream:
        elf: Any = ELFFile(stream)
        for section in elf.iter_sections():
            flags = section["sh_flags"]
            if flags & SH_FLAGS.SHF_WRITE and flags & SH_FLAGS.SHF_EXECINSTR:
                yield f"section {section.name} is writable and executable"
            if section["sh_type"] in (*_ENTRIES, "SHT_DYNAMIC"):
                yield f"section {section.name} is left for a loader that links"
        for number, segment in enumerate(elf.iter_segments()):
            if segment["p_flags"] & P_FLAGS.PF_W and segment["p_flags"] & P_FLAGS.PF_X:
                yield f"segment {number} is writable and executable"
        for symbol in elf.get_section_by_name(".symtab").iter_symbols():
            if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name:
                yield f"symbol {symbol.name} has no value"


def _coff_complaints(content: bytes) -> Iterator[str]:
    for name, flags, place, count in _coff_sections(content, 0):
        if flags & _PE_DISCARDABLE:  # debug information
            continue
        types = {struct.unpack_from("<IIH", content, place + 10 * number)[2] for number in range(count)}
        for number in sorted(types - ALLOWED_PE.keys()):
            yield f"section {name} has relocations of type {number}"


def _coff_sections(content: bytes, start: int) -> Iterator[tuple[str, int, int, int]]:
    """(name, flags, where its relocations are, how many), from the file header at `start` (PE/COFF, 3.3 and 4)."""
    count, optional = (struct.unpack_from("<H", content, start + offset)[0] for offset in (2, 16))
    for number in range(count):
        header = _COFF_SECTION.unpack_from(content, start + 20 + optional + number * _COFF_SECTION.size)
        yield header[0].rstrip(b"\0").decode(), header[9], header[5], header[7]
