"""The archive that the loader left in RAM: files by number, every offset and size checked."""

from __future__ import annotations

from boot.info import ARCHIVE_MAGIC, ArchiveFile, ArchiveHeader, FileKind
from codegen.lang import Field, Hpa, Span, Struct, fn, phys_span, range, sizeof, storage, u32, u64


class Archive(Struct):
    """Size 0: there is none."""

    base: Field[Hpa]
    size: Field[u64]
    file_count: Field[u32]


ARCHIVE = storage(Archive)


@fn(cold=True)
def archive_start(base: Hpa, size: u64) -> bool:
    """Look at the header. False when there is no archive, or it is none of ours; then it has no files."""
    if size < sizeof(ArchiveHeader):
        return False
    header = phys_span(base, size).view(0, ArchiveHeader)
    if header is None or header.magic != ARCHIVE_MAGIC or header.total_size > size:
        return False
    ARCHIVE.base = base
    ARCHIVE.size = header.total_size
    ARCHIVE.file_count = header.file_count
    return True


@fn(cold=True)
def archive_record(number: u32) -> ArchiveFile | None:
    """The record of file `number`; None when there is no such file, or it does not lie in the archive."""
    if number >= ARCHIVE.file_count:
        return None
    place = u64(number) * sizeof(ArchiveFile) + sizeof(ArchiveHeader)
    record = phys_span(ARCHIVE.base, ARCHIVE.size).view(place, ArchiveFile)
    if record is None or record.offset > ARCHIVE.size or record.size > ARCHIVE.size - record.offset:
        return None
    return record


@fn(cold=True)
def archive_file(number: u32) -> Span | None:
    """The bytes of file `number`; they lie in RAM from a 4 KiB line on."""
    record = archive_record(number)
    if record is None:
        return None
    return phys_span(ARCHIVE.base, ARCHIVE.size).slice(record.offset, record.size)


@fn(cold=True)
def archive_next(kind: FileKind, first: u32) -> u32 | None:
    """The number of the first file of this kind from number `first` on."""
    for number in range(first, ARCHIVE.file_count):
        record = archive_record(number)
        if record is not None and record.kind == u32(kind):
            return number
    return None
