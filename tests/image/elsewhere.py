"""The same sources at another path, with nothing built: what a build there gives must be the same bytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("boot", "codegen", "drivers", "hypervisor")
LOADERS_AND_ISO = """
import sys
from pathlib import Path
from boot.image.iso import build_iso
images, archive, out = [Path(each) for each in sys.argv[1:]]
build_iso({vendor: images / f"{vendor}.elf" for vendor in ("vt-x", "amd-v")}, archive, out)
"""


def copy_sources(folder: Path) -> Path:
    """What the build needs of the repository."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def build_image(copy: Path, vendor: str, profile: str, hash_seed: int) -> Path:
    """One image, as the build of that copy compiles it."""
    image = copy / "out" / profile / f"{vendor}.elf"
    run(copy, hash_seed, "-m", "hypervisor.image_program", vendor, profile, str(image))
    return image


def build_loaders_and_iso(copy: Path, images: Path, archive: Path, hash_seed: int) -> Path:
    """An ISO of these images, with loaders that the copy compiles."""
    out = copy / "out" / "keelback.iso"
    run(copy, hash_seed, "-c", LOADERS_AND_ISO, str(images), str(archive), str(out))
    return out


def run(copy: Path, hash_seed: int, *arguments: str) -> None:
    """Python in the copy, in surroundings that must not matter. Nothing is built there before, something afterwards."""
    assert not (copy / "build").exists()
    surroundings = {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": "", "TZ": "Asia/Tokyo", "LANG": "C"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=copy, env=os.environ | surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (copy / "build").exists()
