from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.guests_boot.command import COMMAND, ROOT
from tests.guests_boot.configurations import CLOUD, write_configuration

BOOT_SECONDS = 240
SECONDS = 60


@dataclass
class Terminal:
    """What a person sees and types."""

    process: subprocess.Popen[bytes]
    keyboard: int
    screen: str = ""

    def wait(self, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.keyboard], [], [], left)[0], self.screen[-3000:]
            self.screen += os.read(self.keyboard, 65536).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self.keyboard, text.encode())

    def status(self) -> int:
        return self.process.wait(SECONDS)


@contextmanager
def run_on_a_terminal(config: Path) -> Iterator[Terminal]:
    keyboard, screen = pty.openpty()
    command = [*COMMAND, str(config), "--host", "qemu"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=screen, stdout=screen, stderr=screen, start_new_session=True)
    os.close(screen)
    try:
        yield Terminal(process, keyboard)
    finally:
        process.terminate()
        process.wait(SECONDS)
        os.close(keyboard)


def test_a_person_types_in_the_shell_and_power_off_ends_the_command(tmp_path: Path) -> None:
    with run_on_a_terminal(write_configuration(tmp_path, CLOUD)) as terminal:
        terminal.wait("/ # ", BOOT_SECONDS)
        terminal.type("echo answer $((6*7))\r")
        terminal.wait("answer 42", SECONDS)
        terminal.type("poweroff -f\r")
        terminal.wait("all guests have stopped", SECONDS)
        assert terminal.status() == 0


def test_control_a_x_leaves(tmp_path: Path) -> None:
    with run_on_a_terminal(write_configuration(tmp_path, CLOUD)) as terminal:
        terminal.wait("debian: started", BOOT_SECONDS)
        terminal.type("\x01?")
        terminal.wait("leave", SECONDS)
        terminal.type("\x01x")
        assert terminal.status() == 0
