"""Flat 32-bit code at a fixed address: the BIOS loader, whose zeroed data may lie elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.link.lld import LinkError, link, render
from codegen.link.verify import verify_image, verify_objects


@dataclass(frozen=True, slots=True)
class FlatLayout:
    """Linear addresses of the code and of the zeroed data; `limit` is how many bytes the code may have."""

    base: int
    bss: int
    entry: str
    limit: int


@dataclass(frozen=True, slots=True)
class FlatImage:
    """`code` goes to the layout's base; `bss_size` bytes from `bss` on are to be zeroed; then `entry` is called."""

    code: bytes
    entry: int
    bss: int
    bss_size: int
    elf: Path


def link_flat32(objects: Sequence[Path], output: Path, layout: FlatLayout) -> FlatImage:
    """Links to the ELF file `output` (for debuggers) and takes the bytes out. LinkError when they are too many."""
    verify_objects(objects)
    elf = link(objects, output, render("flat32.ld.j2", layout=layout), "elf_i386")
    verify_image(elf)
    with elf.open("rb") as file:
        content: Any = ELFFile(file)
        code = next(s.data() for s in content.iter_segments() if s["p_type"] == "PT_LOAD" and s["p_filesz"])
        names = {s.name: s["st_value"] for s in content.get_section_by_name(".symtab").iter_symbols()}
        entry = content.header["e_entry"]
    if len(code) > layout.limit:
        raise LinkError(f"{output.name}: {len(code)} bytes of code and constants; the place has {layout.limit}")
    return FlatImage(code, entry, names["__bss_start"], names["__bss_end"] - names["__bss_start"], elf)
