"""Stage 2 as bytes: the loader compiled for 32-bit mode, linked at its fixed place, behind its real-mode part."""

from __future__ import annotations

import struct
from pathlib import Path

from boot.bios import a20, e820, firmware, main
from boot.bios.low_memory import LOADER_BSS, LOADER_CODE, LOADER_STACK, STAGE2, STAGE2_SIZE
from boot.bios.real_mode import build_real_mode_part
from boot.load import console, elf, iso9660, load, memory_map, processor, serial
from codegen.asm.stub import assemble_stub
from codegen.back.compile import compile_program
from codegen.back.target import LOADER
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.link.lld import link

MODULES = (main, firmware, e820, a20, load, console, elf, iso9660, memory_map, processor, serial)
STACK_ROOM = 0x8000  # what the 32-bit stack may use between .bss and LOADER_STACK
SCRIPT = f"""
ENTRY(loader_main)
SECTIONS
{{
    . = {LOADER_CODE:#x};
    .text : {{ *(.text .text.*) *(.stub.text .stub.text.*) }}
    .rodata : {{ *(.rodata .rodata.*) }}
    .data : {{ *(.data .data.*) }}
    __code_end = .;
    . = {LOADER_BSS:#x};
    .bss (NOLOAD) : {{ *(.bss .bss.*) *(COMMON) }}
    .symtab 0 : {{ *(.symtab) }}
    .strtab 0 : {{ *(.strtab) }}
    .shstrtab 0 : {{ *(.shstrtab) }}
    /DISCARD/ : {{ *(.comment) *(.note.GNU-stack) *(.eh_frame) *(.llvm_addrsig) }}
}}
"""


class LoaderTooLarge(Exception):
    """Code or data of the loader do not fit their place below 1 MiB."""


def build_stage2(scratch: Path) -> bytes:
    """STAGE2_SIZE bytes at most; intermediate files stay in `scratch` for inspection.

    Raises LoaderTooLarge, or the compiler's diagnostics as a SyntaxError.
    """
    target = TargetInfo(pointer_bits=32, physical_base=0, assemble=assemble_stub)
    program, diagnostics = lower_program([main.loader_main, main.trap], MODULES, target)
    if diagnostics:
        raise SyntaxError("\n".join(diagnostic.render() for diagnostic in diagnostics))
    scratch.mkdir(parents=True, exist_ok=True)
    compiled = scratch / "stage2.o"
    compiled.write_bytes(compile_program(program, LOADER, debug=False).content)
    linked = link([compiled], scratch / "stage2.elf", SCRIPT, "elf_i386")
    return flatten(linked.read_bytes())


def flatten(elf32: bytes) -> bytes:
    """The bytes from STAGE2 on: what the file's segments load below LOADER_BSS, with the real-mode part before it."""
    entry, headers = struct.unpack_from("<II", elf32, 24)
    count = struct.unpack_from("<H", elf32, 44)[0]
    code = bytearray()
    bss_end = LOADER_BSS
    for index in range(count):
        kind, offset, virtual, _, in_file, in_memory = struct.unpack_from("<IIIIII", elf32, headers + 32 * index)
        if kind != 1:
            continue
        if virtual >= LOADER_BSS:
            bss_end = max(bss_end, virtual + in_memory)
        else:
            start = virtual - LOADER_CODE
            code.extend(bytes(max(0, start + in_file - len(code))))
            code[start : start + in_file] = elf32[offset : offset + in_file]
    size = LOADER_CODE - STAGE2 + len(code)
    if size > STAGE2_SIZE or bss_end > LOADER_STACK - STACK_ROOM:
        raise LoaderTooLarge(f"stage 2 has {size} bytes of {STAGE2_SIZE}, its data end at {bss_end:#x}")
    return build_real_mode_part(entry, LOADER_BSS, bss_end - LOADER_BSS) + bytes(code)
