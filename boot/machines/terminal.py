"""The user's terminal as the machine's console: raw mode, and Ctrl-A x, which is meant for us."""

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ESCAPE = 0x01  # Ctrl-A
HELP = "\r\nCtrl-A x  leave the machine; the monitor says what else there is:\r\n"


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
        """What was typed for the machine (perhaps nothing); None when the user leaves with Ctrl-A x. All else behind
        Ctrl-A is the monitor's affair."""
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
                    case "?":
                        self.say(HELP)
                    case _:
                        pass
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
