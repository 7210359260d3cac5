"""Where the linker put the sections of this image."""

from __future__ import annotations

from codegen.lang import HwEnum, stub, u64

PHYSICAL_MAP_BASE = 0xFFFF_8000_0000_0000


class ImageBound(HwEnum, repr=u64):
    """A symbol of the linker script; sections are frame-aligned."""

    IMAGE_START = 0
    TEXT_START = 1
    TEXT_END = 2
    RODATA_START = 3
    RODATA_END = 4
    DATA_START = 5
    IMAGE_END = 6


SYMBOLS = (
    "__image_start",
    "__text_start",
    "__text_end",
    "__rodata_start",
    "__rodata_end",
    "__data_start",
    "__image_end",
)

TEXT = """
    lea rax, [rip + bounds]
    mov rax, qword ptr [rax + rdi*8]
    ret
    .balign 8
bounds:
{% for symbol in SYMBOLS %}
    {{ quad(symbol) }}
{% endfor %}
"""


@stub(TEXT, constants={"SYMBOLS": SYMBOLS}, externals=SYMBOLS)
def image_bound(which: ImageBound) -> u64:
    """The virtual address of a bound."""
    ...
