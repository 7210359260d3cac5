"""The user's terminal as the guest's console: raw mode, and Ctrl-A for what is meant for us."""

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ESCAPE = 0x01  # Ctrl-A
HELP = "\r\nCtrl-A x  leave    Ctrl-A ?  this help    Ctrl-A Ctrl-A  send Ctrl-A to the guest\r\n"


@dataclass
class Keyboard:
    """Bytes typed by the user. `say` prints help on the user's terminal."""

    descriptor: int
    say: Callable[[str], None]
    open: bool = True
    escaped: bool = False

    def fileno(self) -> int:
        return self.descriptor

    def read(self) -> bytes | None:
        """What was typed for the guest (perhaps nothing); None when the user leaves with Ctrl-A x."""
        typed = os.read(self.descriptor, 4096)
        if not typed:
            self.open = False
        keys = bytearray()
        for byte in typed:
            if self.escaped:
                self.escaped = False
                match chr(byte):
                    case "x" | "X":
                        return None
                    case "?" | "h":
                        self.say(HELP)
                    case "\x01":
                        keys.append(ESCAPE)
                    case _:
                        keys += bytes([ESCAPE, byte])
            elif byte == ESCAPE:
                self.escaped = True
            else:
                keys.append(byte)
        return bytes(keys)


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """Standard input as a keyboard; a terminal is raw within the block and is restored on every way out."""
    descriptor = sys.stdin.fileno()
    if not os.isatty(descriptor):
        yield Keyboard(descriptor, print_message)
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield Keyboard(descriptor, print_message)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def print_message(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)
