import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import REPOSITORY

ROOTS = ("tests.boot.nvme_monitor", "hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("nvme") / "amd-v.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", "amd-v", "release", str(image), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


def said(image: Path, *arguments: str) -> str:
    machine = Machine(Host.QEMU, kernel=image, memory=64 * MIB, arguments=arguments)
    with start(machine) as emulator:
        session = Session(emulator, Watch(b"keelback: the end"), time.monotonic() + 60)
        outcome = session.run()
        text = session.output.decode(errors="replace").replace("\r", "")
        assert outcome is Outcome.FOUND, text
        return text


def test_x(image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    print(said(image, "-drive", f"file={disk},if=none,id=d,format=raw", "-device", "nvme,drive=d,serial=ab12"))
    assert 0
