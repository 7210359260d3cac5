"""`reboot` and `halt`, from the shell and by the second serial port, on every way of booting."""

from __future__ import annotations

from pathlib import Path

import pytest

from boot.image.iso import build_iso
from boot.machines.machine import MIB, Firmware, Host, Machine
from hypervisor.client.connection import CtlError, connect
from hypervisor.image import build_images
from tests.boot.qemu_control import control, control_arguments
from tests.guests_boot.archive import archive_of_own_kernels
from tests.guests_boot.dialog import Dialog, dialog

RUNS = "2 VMs have not stopped: `poweroff` or `kill` them first, or say "


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of_own_kernels(tmp_path_factory.mktemp("power"), "16M", one="spin", two="spin")


@pytest.fixture(scope="module")
def iso(guests: Path) -> Path:
    return build_iso(build_images(), guests, guests.parent / "power.iso")


def direct(guests: Path, cpus: int, control_socket: Path, ctl: Path | None = None) -> Machine:
    arguments = control_arguments(control_socket)
    kernel = build_images()["amd-v"]
    return Machine(Host.QEMU, kernel=kernel, archive=guests, memory=128 * MIB, cpus=cpus, ctl=ctl, arguments=arguments)


def shell(console: Dialog) -> None:
    console.wait("two: started, ", 90)
    console.type("\x01m")
    console.wait("keelback> ", 30)


def enter(console: Dialog, command: str, answer: str) -> None:
    console.type(f"{command}\r")
    console.wait(answer, 60)


def halted(control_socket: Path) -> int:
    """How many processors QEMU says are halted."""
    text: str = control(control_socket, "human-monitor-command", **{"command-line": "info registers -a"})
    return text.count("HLT=1")


def reboots_when_told(console: Dialog) -> None:
    shell(console)
    enter(console, "reboot", f"{RUNS}`reboot now`")
    enter(console, "reboot later", "usage: reboot [now]")
    enter(console, "reboot now", "keelback: the machine is reset\n")
    console.wait("keelback: the run before ended by `reboot`; ", 90)
    shell(console)
    enter(console, "last", "lines of a run that ended by `reboot`\n")
    console.wait("the machine is reset\n", 30)


@pytest.mark.parametrize("cpus", [1, 2])
def test_reboot_resets_the_machine_and_its_guests_start_again_by_pvh(guests: Path, tmp_path: Path, cpus: int) -> None:
    with dialog(direct(guests, cpus, tmp_path / "control")) as console:
        reboots_when_told(console)


@pytest.mark.parametrize("firmware", Firmware)
def test_reboot_resets_the_machine_and_its_guests_start_again_by_firmware(
    iso: Path, tmp_path: Path, firmware: Firmware
) -> None:
    arguments = control_arguments(tmp_path / "control")
    with dialog(Machine(Host.QEMU, firmware, iso=iso, memory=256 * MIB, arguments=arguments)) as console:
        reboots_when_told(console)


# With two processors Bochs' own BIOS does not come up again after a hardware reset ("Keyboard error:21").
def test_reboot_resets_the_machine_and_its_guests_start_again_on_bochs(iso: Path) -> None:
    with dialog(Machine(Host.BOCHS, iso=iso, memory=128 * MIB)) as console:
        reboots_when_told(console)


def test_halt_now_stops_the_other_processor_and_its_guest_on_bochs(iso: Path) -> None:
    with dialog(Machine(Host.BOCHS, iso=iso, memory=128 * MIB, cpus=2)) as console:
        shell(console)
        enter(console, "halt now", "keelback: halted: the machine can be switched off\n")


def test_halt_leaves_all_processors_halted_and_the_next_run_knows(guests: Path, tmp_path: Path) -> None:
    with dialog(direct(guests, 2, tmp_path / "control")) as console:
        shell(console)
        enter(console, "halt", f"{RUNS}`halt now`")
        enter(console, "kill one", "one: killed")
        enter(console, "kill two", "all guests have stopped")
        enter(console, "halt", "keelback: halted: the machine can be switched off\n")
        console.receive(1)
        assert halted(tmp_path / "control") == 2
        control(tmp_path / "control", "system_reset")
        console.wait("keelback: the run before ended by `halt`; ", 30)


def test_halt_now_stops_a_guest_that_runs(guests: Path, tmp_path: Path) -> None:
    with dialog(direct(guests, 2, tmp_path / "control")) as console:
        shell(console)
        assert halted(tmp_path / "control") < 2
        enter(console, "halt now", "keelback: halted: the machine can be switched off\n")
        console.receive(1)
        assert halted(tmp_path / "control") == 2


def test_by_the_second_port_the_answer_comes_before_the_end(guests: Path, tmp_path: Path) -> None:
    socket = tmp_path / "ctl"
    with dialog(direct(guests, 2, tmp_path / "control", socket)) as console:
        console.wait("two: started, ", 60)
        with connect(socket) as connection:
            with pytest.raises(CtlError, match="not all VMs have stopped"):
                connection.ask("reboot", when="idle")
            with pytest.raises(CtlError, match="when is idle or now"):
                connection.ask("halt", when="later")
            assert connection.ask("reboot", when="now")["ok"]
        console.wait("keelback: the run before ended by `reboot`; ", 30)
        console.wait("two: started, ", 60)
        with connect(socket) as connection:
            connection.ask("kill", vm=0)
            connection.ask("kill", vm=1)
            console.wait("all guests have stopped", 30)
            assert connection.ask("halt", when="idle")["ok"]
        console.wait("keelback: halted: the machine can be switched off\n", 30)
        console.receive(1)
        assert halted(tmp_path / "control") == 2
