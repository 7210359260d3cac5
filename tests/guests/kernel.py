"""Build the guest kernel: an ELF64 that loads at 2 MiB and starts by multiboot 1."""

from __future__ import annotations

import sys
from pathlib import Path

from codegen.back.target import IMAGE
from codegen.lang.routines import Fn, StubFn
from codegen.link.image import ImageLayout
from codegen.program import Sources, build_image

PHYSICAL_BASE = 2 << 20
PHYSICAL_MAP = 0xFFFF_8000_0000_0000
OURS = ("boot.entry", "hypervisor.cpu", "tests.guests")


def build_kernel(output: Path) -> Path:
    """Compile and link in this process."""
    import boot.entry.early
    import boot.entry.entry
    import tests.guests.header
    import tests.guests.main
    import tests.guests.trapped

    modules = [module for name, module in sys.modules.items() if name.startswith(OURS)]
    roots: list[Fn | StubFn] = [
        boot.entry.entry.boot_entry,
        tests.guests.header.multiboot_header,
        boot.entry.early.early_memory,
        tests.guests.main.start,
        tests.guests.main.keep_boot_information,
        tests.guests.trapped.handle_trap,
        tests.guests.trapped.trap,
    ]
    sources = Sources(roots, modules, IMAGE, physical_base=PHYSICAL_MAP)
    return build_image(sources, ImageLayout(PHYSICAL_BASE, "boot_entry"), output)


if __name__ == "__main__":
    build_kernel(Path(sys.argv[1]))
