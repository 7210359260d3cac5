"""The archive: manifest, symbols and guests' files in one blob, the same on every way of booting.

A header, `file_count` records, then the files, each on a page boundary so that ring 0 can hand whole pages out. The
manifest names files by their place in the records: it is file 0, and the caller numbers the rest in its order.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boot.info import ARCHIVE_MAGIC, ArchiveFile, ArchiveHeader, FileKind
from codegen.lang import sizeof

PAGE = 4096
FILES_MAX = 256
SIZE_MAX = (4 << 30) - PAGE  # loaders put it below 4 GiB, and ISO 9660 holds no larger extent


class ArchiveError(Exception):
    """Too many files, or too large together."""


@dataclass(frozen=True)
class Entry:
    """One file: its bytes, or the path that they are copied from."""

    kind: FileKind
    name: str
    content: bytes | Path

    @property
    def size(self) -> int:
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)


def write_archive(entries: Sequence[Entry], out: Path) -> Path:
    """Write the archive. Raises ArchiveError; a file that cannot be read raises OSError."""
    if len(entries) > FILES_MAX:
        raise ArchiveError(f"{len(entries)} files; an archive holds {FILES_MAX}")
    records = b""
    offset = page_up(sizeof(ArchiveHeader) + len(entries) * sizeof(ArchiveFile))
    places: list[int] = []
    for entry in entries:
        places.append(offset)
        records += pack_record(entry, offset)
        offset = page_up(offset + entry.size)
    if offset > SIZE_MAX:
        raise ArchiveError(f"the guests' files have {offset >> 20} MiB; {SIZE_MAX >> 20} MiB fit below 4 GiB")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    with partial.open("wb") as target:
        target.write(pack_header(len(entries), offset) + records)
        for entry, place in zip(entries, places, strict=True):
            target.seek(place)
            if isinstance(entry.content, Path):
                with entry.content.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
            else:
                target.write(entry.content)
        target.truncate(offset)
    partial.replace(out)
    return out


def pack_header(file_count: int, total_size: int) -> bytes:
    """ArchiveHeader as bytes."""
    blob = bytearray(sizeof(ArchiveHeader))
    struct.pack_into("<Q", blob, ArchiveHeader.magic.offset, ARCHIVE_MAGIC)
    struct.pack_into("<I", blob, ArchiveHeader.file_count.offset, file_count)
    struct.pack_into("<Q", blob, ArchiveHeader.total_size.offset, total_size)
    return bytes(blob)


def pack_record(entry: Entry, offset: int) -> bytes:
    """ArchiveFile as bytes; a long name keeps its end, which tells files apart."""
    blob = bytearray(sizeof(ArchiveFile))
    struct.pack_into("<Q", blob, ArchiveFile.offset.offset, offset)
    struct.pack_into("<Q", blob, ArchiveFile.size.offset, entry.size)
    struct.pack_into("<I", blob, ArchiveFile.kind.offset, entry.kind.value)
    name = entry.name.encode("ascii", "replace")[-39:]
    blob[ArchiveFile.name.offset : ArchiveFile.name.offset + len(name)] = name
    return bytes(blob)


def page_up(size: int) -> int:
    return (size + PAGE - 1) & ~(PAGE - 1)
