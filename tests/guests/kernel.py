"""Build the guest kernel: an ELF64 that loads at 2 MiB and starts by multiboot 1."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from codegen.back.target import IMAGE
from codegen.lang.routines import Fn, StubFn
from codegen.link.image import ImageLayout
from codegen.program import Sources, build_image

PHYSICAL_BASE = 2 << 20
PHYSICAL_MAP = 0xFFFF_8000_0000_0000
ROOTS = {
    "boot.entry.entry": ("boot_entry",),
    "boot.entry.early": ("early_memory",),
    "tests.guests.header": ("multiboot_header",),
    "tests.guests.main": ("start", "keep_boot_information"),
    "tests.guests.trapped": ("handle_trap", "trap"),
}
OURS = ("boot.entry", "drivers", "hypervisor.cpu", "tests.guests")


def build_kernel(output: Path, roots_of: dict[str, tuple[str, ...]]) -> Path:
    """Compile and link in this process: the functions of each module that stubs or the linker call, and theirs."""
    roots: list[Fn | StubFn] = []
    for module, names in roots_of.items():
        roots += [getattr(importlib.import_module(module), name) for name in names]
    modules = [module for name, module in sys.modules.items() if name.startswith(OURS)]
    sources = Sources(roots, modules, IMAGE, physical_base=PHYSICAL_MAP)
    return build_image(sources, ImageLayout(PHYSICAL_BASE, "boot_entry"), output)


if __name__ == "__main__":
    build_kernel(Path(sys.argv[1]), ROOTS)
