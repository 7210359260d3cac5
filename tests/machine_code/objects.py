"""Small linked files of assembly (GNU as, AT&T), for what a compiler of ours must never make."""

from __future__ import annotations

import subprocess
from pathlib import Path

FUNCTION = """
.type {name}, @function
{name}:
{body}
.size {name}, . - {name}
.balign 16
"""


def function(name: str, body: str) -> str:
    """A function with type and size, and padding behind it."""
    return FUNCTION.format(name=name, body=body)


def linked(folder: Path, text: str, *options: str) -> Path:
    """An executable at 1 MiB, with its symbols."""
    source, made, image = folder / "made.s", folder / "made.o", folder / "made.elf"
    source.write_text(".text\n" + text)
    subprocess.run(["as", *options, "-o", made, source], check=True)
    subprocess.run(["ld.lld", "-static", "-Ttext=0x100000", "--entry=0", "-o", image, made], check=True)
    return image
