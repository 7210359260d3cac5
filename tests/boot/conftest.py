"""The probe's image, archive and ISO, built once for all boot tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from boot.image.archive import Entry, write_archive
from boot.image.iso import build_iso
from boot.info import FileKind
from tests.boot import probe


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("boot")


@pytest.fixture(scope="session")
def image(scratch: Path) -> Path:
    return probe.build_probe(scratch / "probe.elf", (probe,))


@pytest.fixture(scope="session")
def archive(scratch: Path) -> Path:
    pages = b"".join(number.to_bytes(4096, "little") for number in range(1500))
    entries = [Entry(FileKind.MANIFEST, "manifest", b"m" * 5000), Entry(FileKind.GUEST, "pages", pages)]
    return write_archive(entries, scratch / "archive.kba")


@pytest.fixture(scope="session")
def iso(scratch: Path, image: Path, archive: Path) -> Path:
    return build_iso({"vt-x": image, "amd-v": image}, archive, scratch / "probe.iso")
