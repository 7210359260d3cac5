import subprocess
import sys
import time
from pathlib import Path

import pytest

from boot.guests.catalogue import guest_path
from boot.image.iso import build_iso
from boot.machines.emulator import start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import Outcome, Watch
from hypervisor.image import REPOSITORY
from tests.guests_boot.archive import archive_of

ROOTS = ("tests.boot.guarded_monitor", "hypervisor.cpu.traps", "boot.entry.entry", "boot.entry.pvh")
LAST_LINE = b"No bootstrap code loaded with"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def archive(folder: Path) -> Path:
    assert guest_path("gnumach").exists()
    return archive_of(REPOSITORY / "examples" / "gnumach.toml", folder)


def guarded(vendor: str, folder: Path) -> Path:
    image = folder / f"{vendor}.elf"
    command = [sys.executable, "-m", "hypervisor.image_program", vendor, "release", str(image), *ROOTS]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return image


def run(machine: Machine) -> tuple[Outcome | None, str]:
    with start(machine) as emulator:
        session = Session(emulator, Watch(LAST_LINE), time.monotonic() + 120)
        outcome = session.run()
        return outcome, session.tail()


# Neither emulator has the MSRs of the predictors; both ignore writes to them.
def test_a_guest_runs_between_all_guards_on_amd_v(folder: Path, archive: Path) -> None:
    image = guarded("amd-v", folder)
    outcome, tail = run(Machine(Host.QEMU, kernel=image, archive=archive, memory=512 * MIB))
    assert outcome is Outcome.FOUND, tail


def test_a_guest_runs_between_all_guards_on_vt_x(folder: Path, archive: Path) -> None:
    image = guarded("vt-x", folder)
    iso = build_iso({"vt-x": image, "amd-v": image}, archive, folder / "guarded.iso")
    outcome, tail = run(Machine(Host.BOCHS, iso=iso, memory=512 * MIB))
    assert outcome is Outcome.FOUND, tail
