"""A conversation with a machine's console: wait for a text, type an answer, and know when each line came."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, Queue

from boot.machines.emulator import Emulator, start
from boot.machines.machine import Machine


class NoAnswer(AssertionError):
    """The text did not come in time, or the machine has ended; the message has the console's tail."""


@dataclass
class Dialog:
    """`output` is all that the console has said, `seen` how far the conversation has used it up.

    What the machine says is taken at any time, by a thread: Bochs stands still while nobody takes it.
    """

    emulator: Emulator
    output: str = ""
    seen: int = 0
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    arrived: Queue[tuple[bytes, float]] = field(default_factory=Queue)

    def __post_init__(self) -> None:
        threading.Thread(target=self.collect, daemon=True).start()

    def collect(self) -> None:
        chunk = b"."
        while chunk:
            try:
                chunk = self.emulator.serial.recv(65536)
            except OSError:  # the machine has been ended
                chunk = b""
            self.arrived.put((chunk, time.monotonic()))

    def wait(self, text: str, seconds: float) -> str:
        """What came up to and with `text`, which from now on counts as used up."""
        deadline = time.monotonic() + seconds
        while (found := self.output.find(text, self.seen)) < 0:
            left = deadline - time.monotonic()
            if left <= 0 or not self.receive(left):
                tail = "\n".join(self.output.splitlines()[-30:])
                raise NoAnswer(f"{text!r} did not come within {seconds:g} s:\n{tail}")
        begin, self.seen = self.seen, found + len(text)
        return self.output[begin : self.seen]

    def receive(self, seconds: float) -> bool:
        """Take what the machine says within `seconds`; False at its end."""
        try:
            chunk, moment = self.arrived.get(timeout=max(seconds, 0))
        except Empty:
            return True
        self.output += chunk.decode(errors="replace").replace("\r", "")
        self.arrivals.append((len(self.output), moment))
        if not chunk:
            self.arrived.put((chunk, moment))  # it has ended for whoever asks again
        return bool(chunk)

    def arrival(self, text: str) -> float:
        """When the first `text` had come, in seconds of time.monotonic()."""
        end = self.output.index(text) + len(text)
        return next(moment for length, moment in self.arrivals if length >= end)

    def type(self, text: str) -> None:
        self.emulator.serial.sendall(text.encode())

    def run(self, command: str, seconds: float) -> str:
        """Type a shell command; its echo and what it printed. The quotes tell the end from its echo."""
        self.type(f"{command}; echo comm''and ended: $?\n")
        said = self.wait("command ended: ", seconds)
        status = self.wait("\n", seconds).strip()
        assert status == "0", f"{command!r} ended with status {status}:\n{said}"
        return said.removesuffix("command ended: ")


@contextmanager
def dialog(machine: Machine) -> Iterator[Dialog]:
    with start(machine) as emulator:
        yield Dialog(emulator)
