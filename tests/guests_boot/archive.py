"""What a monitor is booted with, made where a test wants it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from boot.image.archive import Entry, write_archive
from boot.info import FileKind
from hypervisor.config.check import load_config
from hypervisor.config.pack import pack_manifest
from hypervisor.image import REPOSITORY
from tests.guests_boot.configurations import Guest, write_configuration


def archive_of(config: Path, folder: Path) -> Path:
    """The manifest of a configuration and its guests' files, without symbols."""
    manifest, files = pack_manifest(load_config(config))
    guests = [Entry(FileKind.GUEST, file.name, file) for file in files]
    return write_archive([Entry(FileKind.MANIFEST, "manifest", manifest), *guests], folder / "archive")


def own_kernel(folder: Path) -> Path:
    """The kernel of tests/guests, which does what its command line says."""
    kernel = folder / "guest"
    subprocess.run([sys.executable, "-m", "tests.guests.kernel", str(kernel)], check=True, cwd=REPOSITORY)
    return kernel


def archive_of_own_kernels(folder: Path, memory: str, **command_lines: str) -> Path:
    """VMs of that kernel; `command_lines`: by the VM's name."""
    kernel = own_kernel(folder)
    guests = (Guest(name, kernel, command_line, memory) for name, command_line in command_lines.items())
    return archive_of(write_configuration(folder, *guests), folder)
