"""An image of the monitor, in a copy of the sources: what is built step by step is what a clean build gives."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypervisor.image import SOURCES, build_images

ROOT = Path(__file__).resolve().parents[2]
VENDOR = "amd-v"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("copy")
    for name in ("boot", *SOURCES):
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
            )
    yield folder
    shutil.rmtree(folder)


def build(copy: Path, name: str) -> bytes:
    image = copy / "build" / f"{name}.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", VENDOR, "release", str(image)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return image.read_bytes()


def objects(copy: Path) -> set[str]:
    folder = copy / "build" / "objects"
    return {file.name for file in folder.iterdir() if not file.suffix} if folder.is_dir() else set()


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_a_changed_body_makes_few_objects_and_the_bytes_of_a_clean_build(copy: Path) -> None:
    first = build(copy, "image")
    assert first == build_images("release")[VENDOR].read_bytes()
    before = objects(copy)
    replace(copy / "hypervisor/exits/xsetbv.py", "if ", "if True and ")
    changed = build(copy, "image")
    made = objects(copy) - before
    assert changed != first
    assert 0 < len(made) <= 4, "the units that hold it or a copy of it, and the trap sites"
    (copy / "build" / "objects").rename(copy / "build" / "old-objects")
    assert build(copy, "clean") == changed
    (copy / "build" / "objects").rename(copy / "build" / "clean-objects")
    (copy / "build" / "old-objects").rename(copy / "build" / "objects")


def test_a_changed_constant_changes_every_function_that_it_reaches(copy: Path) -> None:
    before = build(copy, "image")
    replace(copy / "hypervisor/exits/decode/snapshot.py", "LENGTH_MAX = 15", "LENGTH_MAX = 14")
    changed = build(copy, "image")
    assert changed != before
    (copy / "build" / "image.memo").unlink()
    assert build(copy, "image") == changed
