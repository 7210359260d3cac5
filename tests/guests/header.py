"""The multiboot 1 header (Multiboot Specification 0.6.96, 3.1): behind the entry code, in the file's first 8 KiB."""

from __future__ import annotations

from codegen.lang import stub

MAGIC = 0x1BADB002

TEXT = """
    .balign 4
    .long {{ magic }}
    .long 0
    .long {{ checksum }}
"""


@stub(TEXT, constants={"magic": MAGIC, "checksum": -MAGIC & 0xFFFF_FFFF}, section=".text.start")
def multiboot_header() -> None:
    """Data: never called."""
