"""The archive that the loader left in RAM: files by index. Its headers are checked at every use, not trusted."""

from __future__ import annotations

from boot.info import ARCHIVE_MAGIC, ArchiveFile, ArchiveHeader, BootInfo, FileKind
from codegen.lang import Field, Hpa, Span, Struct, fn, phys_span, sizeof, storage, u32, u64, usize


class Archive(Struct):
    """Where the archive lies."""

    base: Field[Hpa]
    size: Field[u64]
    file_count: Field[u32]


ARCHIVE = storage(Archive)


@fn
def whole() -> Span:
    """All bytes of the archive."""
    return phys_span(ARCHIVE.base, usize(ARCHIVE.size))


@fn
def open_archive(info: BootInfo) -> bool:
    """Remember where the archive is; False when it is none or truncated."""
    ARCHIVE.base = info.archive_base
    ARCHIVE.size = info.archive_size
    ARCHIVE.file_count = 0
    header = whole().view(usize(0), ArchiveHeader)
    if header is None or header.magic != ARCHIVE_MAGIC or header.total_size > info.archive_size:
        return False
    if u64(header.file_count) > info.archive_size // sizeof(ArchiveFile):
        return False
    ARCHIVE.file_count = header.file_count
    return True


@fn
def find_entry(index: u32) -> ArchiveFile | None:
    """The directory entry of file `index`."""
    if index >= ARCHIVE.file_count:
        return None
    return whole().view(usize(sizeof(ArchiveHeader)) + usize(index) * sizeof(ArchiveFile), ArchiveFile)


@fn
def open_file(index: u32) -> Span | None:
    """The bytes of file `index`; None when there is no such file or it does not lie within the archive."""
    entry = find_entry(index)
    if entry is None:
        return None
    if entry.offset > ARCHIVE.size or entry.size > ARCHIVE.size - entry.offset:
        return None
    return whole().slice(usize(entry.offset), usize(entry.size))


@fn
def find_file(kind: FileKind) -> Span | None:
    """The first file of `kind`."""
    i = u32(0)
    while i < ARCHIVE.file_count:
        entry = find_entry(i)
        if entry is not None and entry.kind == kind:
            return open_file(i)
        i = i + 1
    return None
