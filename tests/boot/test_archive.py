from pathlib import Path

import pytest

from boot.image.archive import ArchiveError, Entry, write_archive
from boot.info import ARCHIVE_MAGIC, ArchiveFile, ArchiveHeader, FileKind
from codegen.lang import Span, sizeof, span, usize


def test_files_are_found_at_page_boundaries_with_their_bytes(tmp_path: Path) -> None:
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(bytes(range(256)) * 33)
    entries = [Entry(FileKind.MANIFEST, "manifest", b"m" * 5000), Entry(FileKind.GUEST, "vmlinuz", kernel)]
    archive = write_archive(entries, tmp_path / "a.kba").read_bytes()
    content = span(archive)
    header = content.view(usize(0), ArchiveHeader)
    assert header is not None
    assert header.magic == ARCHIVE_MAGIC
    assert header.file_count == 2
    assert header.total_size == len(archive)
    contents = [read_file(content, archive, index) for index in range(2)]
    assert contents == [b"m" * 5000, kernel.read_bytes()]


def read_file(content: Span, archive: bytes, index: int) -> bytes:
    record = content.view(usize(sizeof(ArchiveHeader) + index * sizeof(ArchiveFile)), ArchiveFile)
    assert record is not None
    offset, size = int(record.offset), int(record.size)
    assert offset % 4096 == 0
    return archive[offset : offset + size]


def test_an_empty_file_takes_no_room_and_keeps_its_record(tmp_path: Path) -> None:
    entries = [Entry(FileKind.GUEST, "empty", b""), Entry(FileKind.GUEST, "one", b"1")]
    archive = write_archive(entries, tmp_path / "a.kba").read_bytes()
    assert len(archive) == 8192
    assert read_file(span(archive), archive, 0) == b""
    assert read_file(span(archive), archive, 1) == b"1"


def test_a_long_name_keeps_its_end(tmp_path: Path) -> None:
    archive = write_archive([Entry(FileKind.GUEST, "x" * 60 + "initrd.img", b"")], tmp_path / "a.kba").read_bytes()
    assert b"xinitrd.img\0" in archive


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="257 files; an archive holds 256"):
        write_archive([Entry(FileKind.GUEST, "f", b"")] * 257, tmp_path / "a.kba")
