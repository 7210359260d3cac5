import subprocess
import sys
from pathlib import Path

import pytest

from boot.image.iso import build_iso
from boot.machines.machine import MIB, Firmware, Host, Machine
from hypervisor.image import REPOSITORY
from tests.boot.qemu_control import control, control_arguments
from tests.guests_boot.dialog import Dialog, dialog

ROOTS = (
    "tests.boot.last_run_monitor",
    "hypervisor.cpu.traps",
    "boot.entry.entry",
    "boot.entry.pvh",
    "hypervisor.cpu.smp.arrive",
    "hypervisor.cpu.smp.trampoline",
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("last_run")
    images = {back_end: folder / f"{back_end}.elf" for back_end in ("amd-v", "vt-x")}
    for back_end, image in images.items():
        command = [sys.executable, "-m", "hypervisor.image_program", back_end, "release", str(image), *ROOTS]
        subprocess.run(command, cwd=REPOSITORY, check=True)
    return images


def last_log(console: Dialog) -> str:
    console.type("\x01m")
    console.wait("keelback> ", 20)
    console.type("last\r")
    console.wait("lines of a run that ended ", 20)
    return console.wait("keelback> ", 20)


def panics_is_reset_and_tells(machine: Machine, control_socket: Path, seconds: float) -> None:
    with dialog(machine) as console:
        console.wait("which panic?", seconds)
        assert "the run before" not in console.output
        console.type("t")
        console.wait("cr0 ", 20)
        console.wait("\n", 20)
        control(control_socket, "system_reset")
        console.wait("keelback: warning: the run before ended in a panic (invalid opcode (vector 6, ", seconds)
        log = last_log(console)
        assert log.startswith("in a panic\n") and "have not come" not in log
        assert log.count("which panic?") == log.count("PANIC: invalid opcode") == log.count("  cr0 ") == 1
        control(control_socket, "system_reset")
        console.wait("the run before ended without a word", seconds)
        assert "invalid opcode" not in last_log(console).replace("in a panic (invalid opcode", "")


@pytest.mark.parametrize("cpus", [1, 2])
def test_what_a_panic_said_is_read_after_the_reset_by_pvh(images: dict[str, Path], tmp_path: Path, cpus: int) -> None:
    arguments = control_arguments(tmp_path / "control")
    machine = Machine(Host.QEMU, kernel=images["amd-v"], memory=64 * MIB, cpus=cpus, arguments=arguments)
    panics_is_reset_and_tells(machine, tmp_path / "control", 30)


@pytest.mark.parametrize("firmware", Firmware)
def test_what_a_panic_said_is_read_after_the_reset_by_firmware(
    images: dict[str, Path], archive: Path, tmp_path: Path, firmware: Firmware
) -> None:
    iso = build_iso(images, archive, tmp_path / "last_run.iso")
    arguments = control_arguments(tmp_path / "control")
    machine = Machine(Host.QEMU, firmware, iso=iso, memory=256 * MIB, arguments=arguments)
    panics_is_reset_and_tells(machine, tmp_path / "control", 90)


def test_what_a_panic_said_is_read_after_the_reset_on_bochs(
    images: dict[str, Path], archive: Path, tmp_path: Path
) -> None:
    iso = build_iso(images, archive, tmp_path / "last_run.iso")
    with dialog(Machine(Host.BOCHS, iso=iso, memory=64 * MIB)) as console:
        console.wait("which panic?", 90)
        console.type("r")
        console.wait("PANIC: the first run ends here", 30)
        console.wait("keelback: warning: the run before ended in a panic (the first run ends here)", 90)
        console.wait("a PS/2 keyboard", 60)
        assert "PANIC: the first run ends here\n" in last_log(console)
