"""The loaders as files, compiled only when their sources have changed. Runs at build time."""

from __future__ import annotations

import fcntl
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from boot.bios.boot_sector import build_boot_sector
from boot.bios.stage2 import build_stage2
from boot.uefi.application import build_application, build_esp

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = REPOSITORY / "build" / "loader"
SOURCES = ("boot/bios", "boot/entry", "boot/load", "boot/uefi", "boot/info.py", "codegen", "drivers/console")


@dataclass(frozen=True)
class Loaders:
    """`bios` is boot sector and stage 2, as they stand at the start of the medium; `esp` is a FAT image."""

    bios: Path
    esp: Path


def build_loaders() -> Loaders:
    """Without a change of sources this takes milliseconds. Raises LinkError, EspError, CompileErrors."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        loaders = Loaders(OUTPUT / "bios.bin", OUTPUT / "esp.img")
        key, known = source_key(), OUTPUT / "key"
        if not known.exists() or known.read_text() != key:
            known.unlink(missing_ok=True)
            loaders.bios.write_bytes(build_boot_sector() + build_stage2(OUTPUT))
            build_esp(build_application(OUTPUT), loaders.esp)
            known.write_text(key)
        return loaders


def source_key() -> str:
    """A digest of everything that the loaders are made of."""
    digest = hashlib.sha256(sys.version.encode())
    for name in SOURCES:
        place = REPOSITORY / name
        for file in [place] if place.is_file() else sorted([*place.rglob("*.py"), *place.rglob("*.j2")]):
            digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
