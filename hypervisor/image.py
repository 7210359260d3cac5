"""The monitor's two images, VT-x and AMD-V, compiled only when their sources have changed. Runs at build time."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
OUTPUT = REPOSITORY / "build" / "image"
VENDORS = ("vt-x", "amd-v")
SOURCES = ("codegen", "drivers", "hypervisor", "boot/entry", "boot/load", "boot/info.py")
NOT_IN_IMAGES = ("codegen/debugger", "hypervisor/debugger", "hypervisor/client")


class BuildError(Exception):
    """The sources do not compile; the message is what the compiler says."""


def build_images(profile: str = "release") -> dict[str, Path]:
    """ELF files by vendor, under build/image. Milliseconds when no source has changed. Raises BuildError."""
    images = {vendor: OUTPUT / profile / f"{vendor}.elf" for vendor in VENDORS}
    with lock(OUTPUT / profile):
        key = source_key(profile)
        stale = [vendor for vendor, image in images.items() if not is_current(image, key)]
        # Each in a process of its own, both at once: the modules that are imported decide which back end it has.
        running = [start_compiler(images[vendor], profile) for vendor in stale]
        messages = [process.communicate()[0].strip() for process in running]
        if any(process.returncode for process in running):
            raise BuildError("\n".join(dict.fromkeys(filter(None, messages))))
        for vendor in stale:
            key_file(images[vendor]).write_text(key)
    return images


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One builder at a time: tests run in several processes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start_compiler(image: Path, profile: str) -> subprocess.Popen[str]:
    """One image, in another process."""
    command = [sys.executable, "-m", "hypervisor.image_program", image.stem, profile, str(image)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def key_file(image: Path) -> Path:
    """Beside an image: what it was made of."""
    return image.with_suffix(".key")


def is_current(image: Path, key: str) -> bool:
    return image.exists() and key_file(image).exists() and key_file(image).read_text() == key


def source_key(profile: str) -> str:
    """A digest of everything that an image is made of."""
    digest = hashlib.sha256(f"{profile} {sys.version}".encode())
    for file in source_files():
        digest.update(f"{file.relative_to(REPOSITORY)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def source_files() -> Iterator[Path]:
    """In a fixed order."""
    for name in SOURCES:
        place = REPOSITORY / name
        if place.is_file():
            yield place
        else:
            found = sorted(file for suffix in ("py", "j2") for file in place.rglob(f"*.{suffix}"))
            yield from (file for file in found if not str(file.relative_to(REPOSITORY)).startswith(NOT_IN_IMAGES))
