"""The monitor's image: an ELF file linked into the top 2 GiB, with its physical addresses and a PVH entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.back.data import IMAGE_BASE
from codegen.link.lld import link, render
from codegen.link.verify import verify_image, verify_objects


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """`physical_base` is where a loader that goes by the file puts the first byte (a multiple of 4096). `entry` is a
    symbol; `pvh_entry` one of 32-bit code that a PVH loader starts (XEN_ELFNOTE_PHYS32_ENTRY, Xen's elfnote.h).
    """

    physical_base: int
    entry: str
    pvh_entry: str | None = None


def link_elf(objects: Sequence[Path], output: Path, layout: ImageLayout) -> Path:
    """Links to `output`, from IMAGE_BASE on: first the section `.text.start` of stubs. Text is read-execute, constants
    read-only, the rest read-write, each from a new page. What neither the entry nor `.text.start` reaches is left
    out.

    The script defines `__image_start`, `__image_end`, and the same of `__text`, `__rodata`, `__data` and `__bss`.
    Raises LinkError with the linker's messages (undefined symbols, sections of unknown name) or those of `verify`.
    """
    if layout.physical_base % 4096:
        raise ValueError(f"physical base {layout.physical_base:#x} is not a multiple of 4096")
    script = render("image.ld.j2", base=IMAGE_BASE, layout=layout)
    verify_objects(objects)
    # Functions that were inlined wherever they are called still stand in their unit's object.
    link(objects, output, script, "elf_x86_64", "--gc-sections")
    verify_image(output)
    return output
