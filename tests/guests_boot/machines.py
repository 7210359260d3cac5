"""Machines for tests that talk with their guests: under the monitor, or on the bare emulator."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from boot.guests.catalogue import guest_path
from boot.machines.machine import MIB, Drive, Host, Machine
from tests.guests_boot.command import ROOT

MEMORY = 512 * MIB


def under_the_monitor(config: Path, host: str, drive: Drive = Drive.CD) -> Machine:
    """What `build.py iso` makes of `config`."""
    iso = config.with_suffix(".iso")
    command = [sys.executable, str(ROOT / "build.py"), "iso", str(config), "-o", str(iso)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return Machine(Host(host), iso=iso, drive=drive, memory=MEMORY)


def bare(kernel: str, command_line: str) -> Machine:
    """The same kernel and initramfs with nothing below them, on the same processor of QEMU."""
    arguments = ("-append", command_line)
    kernel_file, initrd = guest_path(kernel), guest_path("initramfs")
    return Machine(Host.QEMU, kernel=kernel_file, archive=initrd, memory=MEMORY, arguments=arguments)
