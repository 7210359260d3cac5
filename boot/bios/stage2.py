"""Stage 2 as bytes: the loader compiled for 32-bit mode, linked at its fixed place, behind its real-mode part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from boot.bios import a20, e820, firmware, main
from boot.bios.low_memory import LOADER_BSS, LOADER_CODE, LOADER_STACK, REAL_MODE_SIZE, STAGE2_SIZE
from boot.bios.real_mode import build_real_mode_part
from boot.load import console, elf, firmware_time, iso9660, load, memory_map, menu, processor, serial
from codegen.asm.stub import assemble_stub
from codegen.back.compile import compile_program
from codegen.back.target import LOADER
from codegen.front.lower import lower_program
from codegen.front.program import TargetInfo
from codegen.link.flat import FlatLayout, link_flat32
from codegen.link.lld import LinkError
from codegen.program import CompileErrors

OWN = (main, firmware, e820, a20)
MODULES = (*OWN, load, console, elf, firmware_time, iso9660, memory_map, menu, processor, serial)
ROOTS: list[Any] = [main.loader_main, main.trap]
STACK_ROOM = 0x8000  # bytes that the 32-bit stack may use below LOADER_STACK
LAYOUT = FlatLayout(LOADER_CODE, LOADER_BSS, "loader_main", STAGE2_SIZE - REAL_MODE_SIZE)


def build_stage2(scratch: Path) -> bytes:
    """At most STAGE2_SIZE bytes; the ELF file for debuggers stays in `scratch`.

    Raises LinkError when it is too large, and CompileErrors.
    """
    target = TargetInfo(pointer_bits=32, physical_base=0, assemble=assemble_stub)
    program, diagnostics = lower_program(ROOTS, MODULES, target)
    if diagnostics:
        raise CompileErrors(diagnostics)
    scratch.mkdir(parents=True, exist_ok=True)
    compiled = scratch / "stage2.o"
    compiled.write_bytes(compile_program(program, LOADER, debug=False).content)
    image = link_flat32([compiled], scratch / "stage2.elf", LAYOUT)
    if image.bss + image.bss_size > LOADER_STACK - STACK_ROOM:
        raise LinkError(f"the loader's data end at {image.bss + image.bss_size:#x}, too near to its stack")
    return build_real_mode_part(image.entry, image.bss, image.bss_size) + image.code
