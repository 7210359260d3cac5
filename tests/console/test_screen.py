from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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
BIOS_COLUMNS, BIOS_ROWS = 80, 25  # the last row is the cursor's


@pytest.fixture(scope="module")
def iso(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output: Path = tmp_path_factory.mktemp("screen") / "gnumach.iso"
    command = [sys.executable, "build.py", "iso", "examples/gnumach.toml", "-o", str(output)]
    subprocess.run(command, cwd=REPOSITORY, check=True, timeout=600)
    return output


@dataclass
class Screen:
    """A machine's screen and keyboard, over QEMU's monitor."""

    qemu: Monitor
    scratch: Path
    firmware: Firmware
    said: bytearray = field(default_factory=bytearray)  # what the serial line got

    def rows(self) -> list[str]:
        try:
            return self.qemu.vga_text() if self.firmware is Firmware.BIOS else self.qemu.screen(self.scratch)
        except KeyError:  # the firmware's own picture
            return []

    def wait(self, wanted: str) -> list[str]:
        """The rows as soon as one has `wanted`."""
        deadline = time.monotonic() + SECONDS
        while True:
            rows = self.rows()
            if any(wanted in row for row in rows):
                return rows
            assert time.monotonic() < deadline, "\n".join(rows)
            time.sleep(0.3)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.qemu.ask(f"sendkey {key} 20")
            time.sleep(0.05)


@contextmanager
def booted(iso: Path, scratch: Path, firmware: Firmware, arguments: tuple[str, ...]) -> Iterator[Screen]:
    place = scratch / "monitor"
    monitor = ("-monitor", f"unix:{place},server,nowait")
    machine = Machine(Host.QEMU, firmware, iso, memory=256 * MIB, arguments=(*monitor, *arguments))
    with start(machine) as emulator:
        # QEMU stands still when nobody reads the console.
        screen = Screen(Monitor(place), scratch, firmware)
        threading.Thread(target=drain, args=(emulator.serial, screen.said), daemon=True).start()
        yield screen


def screen_with(iso: Path, scratch: Path, firmware: Firmware, wanted: str, arguments: tuple[str, ...]) -> list[str]:
    """The machine's screen as soon as it shows `wanted`."""
    with booted(iso, scratch, firmware, arguments) as screen:
        return screen.wait(wanted)


def drain(serial: socket.socket, said: bytearray) -> None:
    with suppress(OSError):
        while received := serial.recv(65536):
            said += received


@pytest.mark.parametrize("firmware", Firmware)
def test_the_monitors_lines_are_on_the_screen_from_the_first_on(iso: Path, tmp_path: Path, firmware: Firmware) -> None:
    """BIOS' 25 rows do not hold all: what has scrolled off is at the top, and nothing is missing below."""
    with booted(iso, tmp_path, firmware, ()) as screen:
        lines = screen.wait("keelback: mach: started")
        said = bytes(screen.said).decode(errors="replace").replace("\r", "").splitlines()
    first = f"keelback: Keelback, started by {firmware.name}"
    if firmware is Firmware.BIOS:
        shown = [row for row in lines if row]
        ours = [row for line in said[said.index(first) :] for row in wrapped(line)]
        last = ours.index(shown[-1]) + 1
        assert shown == ours[max(last - (BIOS_ROWS - 1), 0) : last]
    else:
        assert lines[0] == first
    assert any(line.startswith("keelback: memory: ") for line in lines)
    assert not any(GUEST_END in line for line in lines)


def wrapped(line: str) -> list[str]:
    """Rows of a screen without those that are empty; BIOS' has 80 columns."""
    return [row for at in range(0, len(line), BIOS_COLUMNS) if (row := line[at : at + BIOS_COLUMNS].rstrip())]


@pytest.mark.parametrize("firmware", Firmware)
def test_without_a_uart_the_guest_is_on_the_screen_too(iso: Path, tmp_path: Path, firmware: Firmware) -> None:
    lines = screen_with(iso, tmp_path, firmware, GUEST_END, NO_COM1)
    assert any("biosmem: physical memory map" in line for line in lines)


def test_without_a_uart_a_keyboard_types_to_the_shell_and_to_the_guest(iso: Path, tmp_path: Path) -> None:
    with booted(iso, tmp_path, Firmware.BIOS, NO_COM1) as screen:
        screen.wait(GUEST_END)
        screen.press("ctrl-a", "m", *"list", "ret")
        rows = screen.wait("0: mach, ")
        assert any(row.startswith("keelback> list") for row in rows)
        screen.press("up", "left", "left", "backspace", "backspace", "ctrl-k", *"help", "spc", "shift-l")
        screen.wait("keelback> help L")
        screen.press("backspace", *"lo", "tab", "ret")
        screen.wait("log: Shows the monitor's last lines")
        screen.press("ctrl-a", "0")
        rows = screen.wait("keelback: the console of mach")
        assert not any(row.startswith("keelback> ") for row in rows[rows.index("keelback: the console of mach") :])


def test_with_neither_uart_nor_keyboard_the_screen_says_so(tmp_path: Path) -> None:
    # No guest that starts by itself: its words would push these off the screen.
    manual = (REPOSITORY / "examples" / "gnumach.toml").read_text().replace(
        '"../', f'"{REPOSITORY}/'
    ) + 'start = "manual"\n'
    (tmp_path / "manual.toml").write_text(manual)
    iso = tmp_path / "manual.iso"
    subprocess.run(
        [sys.executable, "build.py", "iso", str(tmp_path / "manual.toml"), "-o", str(iso)], cwd=REPOSITORY, check=True
    )
    with booted(iso, tmp_path, Firmware.BIOS, (*NO_COM1, "-machine", "i8042=off")) as screen:
        rows = screen.wait("connect a PS/2 keyboard")
        assert any("nothing can be typed: there is no serial port at 0x3f8" in row for row in rows)
