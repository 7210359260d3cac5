"""What of an image a loader reads into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile


def loadable_bytes(image: Path) -> int:
    """Bytes of code and data in the file's loadable segments, without symbols and debug information."""
    with image.open("rb") as file:
        content: Any = ELFFile(file)
        return sum(segment["p_filesz"] for segment in content.iter_segments() if segment["p_type"] == "PT_LOAD")
