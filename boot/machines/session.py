"""One run of a machine: its console goes to the terminal and the log until something ends the run."""

import os
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from boot.machines.emulator import Emulator
from boot.machines.terminal import Keyboard
from boot.machines.watch import Outcome, Watch

CHUNK = 64 * 1024
TAIL_BYTES = 16 * 1024
GRACE_SECONDS = 2.0
"""How long a panic's report and the last lines may still arrive once the outcome is known."""


@dataclass
class Session:
    """The console of a started machine. `show` gets every byte, `log` too; the last TAIL_BYTES are kept.

    `deadline` is in time.monotonic() seconds, None for no limit.
    """

    emulator: Emulator
    watch: Watch
    deadline: float | None = None
    show: IO[bytes] | None = None
    log: IO[bytes] | None = None
    output: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)

    def run(self, keyboard: Keyboard | None = None) -> Outcome | None:
        """Until the watch sees an outcome, the emulator ends or time is up; None when the user leaves."""
        serial = self.emulator.serial
        while True:
            sources = [serial.fileno()]
            if keyboard is not None and keyboard.open and not self.unsent:
                sources.append(keyboard.fileno())
            ready, writable, _ = select.select(sources, [serial] if self.unsent else [], [], self.seconds_left())
            if serial.fileno() in ready:
                chunk = self.receive()
                outcome = self.watch.feed(chunk) if chunk else Outcome.ENDED
                if outcome is not None:
                    self.drain(outcome)
                    return outcome
            if keyboard is not None and keyboard.fileno() in ready:
                keys = keyboard.read()
                if keys is None:
                    return None
                self.unsent += keys
            if writable:
                self.transmit()
            if self.deadline is not None and time.monotonic() >= self.deadline:
                return Outcome.TIME_LIMIT

    def seconds_left(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def receive(self) -> bytes:
        """The next bytes from the machine, copied to every place that wants them; empty at its end."""
        try:
            chunk = self.emulator.serial.recv(CHUNK)
        except ConnectionError:
            return b""
        self.output += chunk
        del self.output[:-TAIL_BYTES]
        for sink in (self.show, self.log):
            if sink is not None:
                sink.write(chunk)
                sink.flush()
        return chunk

    def transmit(self) -> None:
        """Type as much as the machine takes now: a long paste must not stop us from reading its echo."""
        with suppress(BlockingIOError, ConnectionError):
            sent = self.emulator.serial.send(self.unsent, socket.MSG_DONTWAIT)
            del self.unsent[:sent]

    def drain(self, outcome: Outcome) -> None:
        """Keep the report that follows a panic or the last words of a stopped machine."""
        if outcome not in (Outcome.PANIC, Outcome.STOPPED):
            return
        until = time.monotonic() + GRACE_SECONDS
        while (left := until - time.monotonic()) > 0:
            if not select.select([self.emulator.serial], [], [], left)[0] or not self.receive():
                return

    def tail(self, lines: int = 40) -> str:
        """The last lines of the console, with what a terminal would act upon made harmless."""
        text = self.output.decode(errors="replace").replace("\r", "")
        shown = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
        return "\n".join(shown.splitlines()[-lines:])


def output_stream() -> IO[bytes]:
    """Standard output as bytes, unbuffered: a prompt without a newline must show at once."""
    sys.stdout.flush()
    return os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
