"""The hybrid ISO: one file that boots as CD and, written to a stick or disk, as disk.

The BIOS loader lies whole in the system area (the first 32 KiB, which ISO 9660 leaves free): the boot sector, then
stage 2. The same boot sector is the El Torito image. Images and archive are ordinary files, found by their names on
every path. xorriso makes the same bytes from the same input (SOURCE_DATE_EPOCH).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from boot.bios.boot_sector import SECTOR_SIZE
from boot.image.loader import build_loaders

SYSTEM_AREA = 32768
VOLUME_ID = "KEELBACK"
DIRECTORY = "KEELBACK"
IMAGE_FILES = {"vt-x": "VTX.ELF", "amd-v": "AMDV.ELF"}
ARCHIVE_FILE = "ARCHIVE.KBA"
RELEASE_DATE = 1_767_225_600  # 2026-01-01 00:00 UTC: all dates on the medium
RELEASE_TIME = "2026010100000000"  # the same, as xorriso wants it for files


class IsoError(Exception):
    """xorriso failed, or a part does not fit."""


def build_iso(images: dict[str, Path], archive: Path, out: Path) -> Path:
    """The ISO of the images "vt-x" and "amd-v" (ELF files) and one archive.

    Raises IsoError, LinkError, CompileErrors.
    """
    files = {IMAGE_FILES[vendor]: image for vendor, image in images.items()}
    loaders = build_loaders()
    return write_iso(loaders.bios.read_bytes(), files | {ARCHIVE_FILE: archive}, out, loaders.esp)


def write_iso(loader: bytes, files: dict[str, Path], out: Path, esp: Path) -> Path:
    """Write `out` with `files` (ISO 9660 level 1 names) in /KEELBACK; `esp` is a FAT image with the UEFI loader.

    Raises IsoError with xorriso's own words when it fails.
    """
    if len(loader) > SYSTEM_AREA:
        raise IsoError(f"the BIOS loader has {len(loader)} bytes; {SYSTEM_AREA} fit into the system area")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        root = Path(scratch) / "root"
        (root / DIRECTORY).mkdir(parents=True)
        (root / "boot").mkdir()
        (root / "boot" / "keelback.bin").write_bytes(loader[:SECTOR_SIZE])
        for name, source in files.items():
            _link_or_copy(source, root / DIRECTORY / name)
        system = Path(scratch) / "system.bin"
        system.write_bytes(loader.ljust(SYSTEM_AREA, b"\0"))
        partial = Path(scratch) / out.name
        _run_xorriso(_xorriso_arguments(root, system, partial, esp))
        partial.replace(out)
    return out


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _xorriso_arguments(root: Path, system: Path, out: Path, esp: Path) -> list[str]:
    arguments = ["xorriso", "-as", "mkisofs", "-quiet", "-o", str(out), "-V", VOLUME_ID, "-r", "-G", str(system)]
    arguments += ["-b", "boot/keelback.bin", "-no-emul-boot", "-boot-load-size", "4"]
    arguments += ["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]
    arguments += ["-append_partition", "2", "0xef", str(esp)]
    return [
        *arguments,
        "-partition_offset",
        "16",
        "--mbr-force-bootable",
        "--set_all_file_dates",
        RELEASE_TIME,
        str(root),
    ]


def _run_xorriso(arguments: list[str]) -> None:
    if shutil.which("xorriso") is None:
        raise IsoError("xorriso is not installed (Debian package xorriso)")
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(RELEASE_DATE), "TZ": "UTC"}
    result = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        raise IsoError(f"xorriso failed with status {result.returncode}:\n{result.stderr.strip()}")
