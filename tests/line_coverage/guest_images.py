"""What the guest runs boot: instrumented images, guests, archives and ISOs, each made once."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

from boot.image import archive, iso
from boot.info import FileKind
from codegen.ir.line_marks import Line
from hypervisor.config.check import load_config
from hypervisor.config.pack import pack_manifest
from hypervisor.image import build_images, is_current, key_file, lock, source_key
from tests.guests_boot.configurations import Guest, write_configuration
from tests.line_coverage.functions import ROOT

PROFILE = "coverage"
OUTPUT = ROOT / "build" / "coverage"
OTHER_ROOTS = ("hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")


@cache
def image(vendor: str, start: str | None = None) -> Path:
    """The monitor's, or the one whose `start` stands in another module (of the tests)."""
    if start is None:
        return build_images(PROFILE)[vendor]
    made = OUTPUT / "images" / start.rpartition(".")[2] / f"{vendor}.elf"
    source = ROOT / f"{start.replace('.', '/')}.py"
    key = f"{source_key(PROFILE)} {hashlib.sha256(source.read_bytes()).hexdigest()}"
    with lock(made.parent):
        if not is_current(made, key):
            roots = (start, *OTHER_ROOTS)
            command = [sys.executable, "-m", "hypervisor.image_program", vendor, PROFILE, str(made), *roots]
            subprocess.run(command, cwd=ROOT, check=True)
            key_file(made).write_text(key)
    return made


def lines_of(made: Path) -> list[Line]:
    """An image's lines by number."""
    places = (text.rpartition(":") for text in made.with_suffix(".lines").read_text().splitlines())
    return [(file, int(line)) for file, _, line in places]


@cache
def kernel_of_the_checks() -> Path:
    made = OUTPUT / "guest" / "checks.elf"
    made.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(made)], cwd=ROOT, check=True)
    return made


def checks(command_line: str = "", name: str = "checks") -> Guest:
    """Our own kernel, which checks its machine, or ends as the command line asks."""
    return Guest(name, kernel_of_the_checks(), command_line, "32M")


def archive_of(name: str, made: Path, *guests: Guest) -> Path:
    """Manifest, guests and the image's symbols, as `build.py` packs them."""
    folder = OUTPUT / "archives" / name
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    if guests:
        manifest, files = pack_manifest(load_config(write_configuration(folder, *guests)))
        entries += [archive.Entry(FileKind.GUEST, file.name, file) for file in files]
    else:
        manifest = b""
    entries.insert(0, archive.Entry(FileKind.MANIFEST, "manifest", manifest))
    entries.append(archive.Entry(FileKind.SYMBOLS, made.stem, made.with_suffix(".sym")))
    return archive.write_archive(entries, folder / "archive.kba")


def iso_of(name: str, made: Path, *guests: Guest) -> Path:
    """One image in both vendors' places: the machine that boots it has the right processor."""
    packed = archive_of(name, made, *guests)
    return iso.build_iso({"vt-x": made, "amd-v": made}, packed, packed.with_suffix(".iso"))
