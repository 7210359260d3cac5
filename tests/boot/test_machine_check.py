import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from boot.machines.emulator import Emulator, start
from boot.machines.machine import MIB, Host, Machine
from boot.machines.session import Session
from boot.machines.watch import ALL_STOPPED, Watch
from hypervisor.image import build_images

ACTION_REQUIRED = "0xbd80000000000134"  # valid, uncorrected, enabled, misc and address valid, signalled
ACTION_OPTIONAL = "0xbd00000000000134"
CORRECTED = "0x9c00000000000152"  # valid, enabled, address and misc valid
IN_PROGRESS, RESTARTABLE = 4, 1


@contextmanager
def idle_monitor(folder: Path) -> Iterator[tuple[Emulator, socket]]:
    """The AMD-V image without guests, asleep, and QEMU's own monitor."""
    control = folder / "control"
    arguments = ("-monitor", f"unix:{control},server=on,wait=off")
    machine = Machine(Host.QEMU, kernel=build_images()["amd-v"], memory=64 * MIB, arguments=arguments)
    with start(machine) as emulator, socket(AF_UNIX) as qemu:
        Session(emulator, Watch(ALL_STOPPED), time.monotonic() + 60).run()
        qemu.connect(str(control))
        yield emulator, qemu


def report_after(folder: Path, bank_status: str, mcg_status: int, expected: bytes) -> str:
    with idle_monitor(folder) as (emulator, qemu):
        qemu.sendall(f"mce 0 3 {bank_status} {mcg_status} 0x123000 0x8c\n".encode())
        session = Session(emulator, Watch(expected), time.monotonic() + 30)
        session.run()
        return session.output.decode().replace("\r", "")


def test_a_fatal_machine_check_panics_with_the_bank(tmp_path: Path) -> None:
    text = report_after(tmp_path, ACTION_REQUIRED, IN_PROGRESS | RESTARTABLE, b"rip ")
    words = (
        f"PANIC: machine check: cache error, bank 3 status {ACTION_REQUIRED} address 0x123000 misc 0x8c, MCG_STATUS 0x5"
    )
    assert f"keelback: {words}" in text.splitlines()


def test_a_corrected_error_is_logged_and_the_monitor_goes_on(tmp_path: Path) -> None:
    text = report_after(tmp_path, CORRECTED, 0, b"misc 0x8c")
    words = f"corrected: cache error, processor 0 bank 3 status {CORRECTED} address 0x123000 misc 0x8c"
    assert f"keelback: warning: machine check {words}" in text.splitlines(), text
    assert "PANIC" not in text


def test_an_error_that_can_wait_is_logged_and_the_monitor_goes_on(tmp_path: Path) -> None:
    text = report_after(tmp_path, ACTION_OPTIONAL, IN_PROGRESS | RESTARTABLE, b"misc 0x8c")
    assert f"survived: cache error, processor 0 bank 3 status {ACTION_OPTIONAL} address 0x123000 misc 0x8c" in text
    assert "PANIC" not in text


@pytest.mark.parametrize("cpu", ["EPYC,+svm,-mce", "EPYC,+svm,-mca"])
def test_processors_without_machine_checks_do(cpu: str) -> None:
    machine = Machine(Host.QEMU, kernel=build_images()["amd-v"], memory=64 * MIB, cpu=cpu)
    with start(machine) as emulator:
        session = Session(emulator, Watch(ALL_STOPPED), time.monotonic() + 60)
        session.run()
        assert b"all guests have stopped" in session.output
