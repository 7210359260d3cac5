from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from boot.machines.emulator import start
from boot.machines.machine import MIB, Firmware, Host, Machine
from hypervisor.image import REPOSITORY
from tests.console.text_screen import Monitor

# No UART answers at 3F8h then.
NO_COM1 = ("-global", "isa-serial.iobase=0x2f8")
GUEST_END = "bootstrap_create: No bootstrap"
SECONDS = 120


@pytest.fixture(scope="module")
def iso(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output: Path = tmp_path_factory.mktemp("screen") / "gnumach.iso"
    command = [sys.executable, "build.py", "iso", "examples/gnumach.toml", "-o", str(output)]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=600)
    return output


def screen_with(iso: Path, scratch: Path, firmware: Firmware, wanted: str, arguments: tuple[str, ...]) -> list[str]:
    """The machine's screen as soon as it shows `wanted`."""
    place = scratch / "monitor"
    monitor = ("-monitor", f"unix:{place},server,nowait")
    machine = Machine(Host.QEMU, firmware, iso, memory=256 * MIB, arguments=(*monitor, *arguments))
    lines: list[str] = []
    with start(machine) as emulator:
        # QEMU stands still when nobody reads the console.
        threading.Thread(target=drain, args=(emulator.serial,), daemon=True).start()
        qemu = Monitor(place)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                lines = qemu.vga_text() if firmware is Firmware.BIOS else qemu.screen(scratch)
            except KeyError:  # the firmware's own picture
                lines = []
            if any(wanted in line for line in lines):
                return lines
            time.sleep(0.5)
    raise AssertionError("\n".join(lines))


def drain(serial: socket.socket) -> None:
    with suppress(OSError):
        while serial.recv(65536):
            pass


@pytest.mark.parametrize("firmware", Firmware)
def test_the_monitors_lines_are_on_the_screen_from_the_first_on(iso: Path, tmp_path: Path, firmware: Firmware) -> None:
    lines = screen_with(iso, tmp_path, firmware, "keelback: mach: started", ())
    assert lines[0] == f"keelback: Keelback, started by {firmware.name}"
    assert any(line.startswith("keelback: memory: ") for line in lines)
    assert not any(GUEST_END in line for line in lines)


@pytest.mark.parametrize("firmware", Firmware)
def test_without_a_uart_the_guest_is_on_the_screen_too(iso: Path, tmp_path: Path, firmware: Firmware) -> None:
    lines = screen_with(iso, tmp_path, firmware, GUEST_END, NO_COM1)
    assert any("biosmem: physical memory map" in line for line in lines)
