"""The loaders as files, compiled only when their sources have changed. Runs at build time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path

from boot.bios.boot_sector import build_boot_sector
from boot.bios.stage2 import build_stage2

REPOSITORY = Path(__file__).resolve().parents[2]
OUTPUT = REPOSITORY / "build" / "loader"
SOURCES = ("boot/bios", "boot/load", "boot/info.py", "codegen", "drivers/console")


def bios_loader() -> bytes:
    """Boot sector and stage 2, as they stand at the start of the medium. Raises what `build_stage2` raises."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with (OUTPUT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        remembered = OUTPUT / f"bios-{source_key()}.bin"
        if not remembered.exists():
            for old in OUTPUT.glob("bios-*.bin"):
                old.unlink()
            partial = remembered.with_suffix(f".{os.getpid()}")
            partial.write_bytes(build_boot_sector() + build_stage2(OUTPUT))
            partial.replace(remembered)
        return remembered.read_bytes()


def source_key() -> str:
    """A digest of everything that the loaders are made of."""
    digest = hashlib.sha256(sys.version.encode())
    for name in SOURCES:
        place = REPOSITORY / name
        for file in [place] if place.is_file() else sorted([*place.rglob("*.py"), *place.rglob("*.j2")]):
            digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:32]
