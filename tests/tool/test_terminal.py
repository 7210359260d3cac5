import os
import pty
import select
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.tool.boot_sectors import echo_disk

ROOT = Path(__file__).parents[2]


class Terminal:
    """A run of the echo machine under a pseudo terminal."""

    def __init__(self, disk: Path) -> None:
        self.child, self.master = pty.fork()
        if self.child == 0:
            os.chdir(ROOT)
            arguments = [sys.executable, "-m", "tests.tool.boot_and_expect", "qemu", str(disk), "60"]
            os.execv(sys.executable, arguments)
        self.output = b""

    def read_until(self, text: bytes) -> None:
        deadline = time.monotonic() + 30
        while text not in self.output:
            assert time.monotonic() < deadline, self.output
            if select.select([self.master], [], [], 0.2)[0]:
                self.output += os.read(self.master, 4096)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self.master)[3] & (termios.ICANON | termios.ECHO)

    def exit_status(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    terminal = Terminal(echo_disk(tmp_path, b"ready\r\n"))
    terminal.read_until(b"ready")
    return terminal


def test_keys_go_to_the_guest_and_ctrl_a_x_leaves(terminal: Terminal) -> None:
    assert terminal.is_raw()
    terminal.type(b"hello \x03")
    terminal.read_until(b"hello \x03")
    terminal.type(b"\x01x")
    terminal.read_until(b"left")
    assert terminal.exit_status() == 0


def test_ctrl_a_helps_and_all_but_x_reaches_the_monitor(terminal: Terminal) -> None:
    terminal.type(b"\x01?")
    terminal.read_until(b"Ctrl-A x  leave")
    terminal.read_until(b"\x01?")
    terminal.type(b"<\x01\x01\x01m>")
    terminal.read_until(b"<\x01\x01\x01m>")
    terminal.type(b"\x01x")
    assert terminal.exit_status() == 0


@pytest.mark.parametrize("how", ["leave", "SIGTERM"])
def test_terminal_is_restored(terminal: Terminal, how: str) -> None:
    if how == "leave":
        terminal.type(b"\x01x")
    else:
        os.kill(terminal.child, 15)
    deadline = time.monotonic() + 20
    while terminal.is_raw():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    terminal.exit_status()
