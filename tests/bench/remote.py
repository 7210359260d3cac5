"""QEMU's gdb stub over a Unix socket: breakpoints, and one register (gdb manual, Remote Serial Protocol)."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from tests.bench.samples import NotMeasured

CONNECT_SECONDS = 20
RCX, RIP = 2, 16  # places of amd64's registers in the answer to "g"
WAYS_TO_STOP = (b"T", b"S")


class Remote:
    """A machine that waits for us. Raises NotMeasured when it ends, or does not answer in `seconds`."""

    def __init__(self, place: Path, seconds: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._buffer = b""
        until = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                self._socket.connect(str(place))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if time.monotonic() > until:
                    raise NotMeasured("QEMU's gdb stub does not answer") from None
                time.sleep(0.05)
        self._socket.settimeout(seconds)

    def close(self) -> None:
        self._socket.close()

    def ask(self, text: bytes) -> bytes:
        """A command's answer."""
        self._socket.sendall(b"$%s#%02x" % (text, sum(text) & 0xFF))
        return self._packet()

    def set_breakpoint(self, address: int) -> None:
        self._expect_ok(b"Z1,%x,1" % address)

    def clear_breakpoint(self, address: int) -> None:
        self._expect_ok(b"z1,%x,1" % address)

    def run(self) -> int:
        """To the next breakpoint: its address."""
        answer = self.ask(b"c")
        if not answer.startswith(WAYS_TO_STOP):
            raise NotMeasured(f"the machine ended under the debugger: {answer.decode()}")
        return self.register(RIP)

    def register(self, number: int) -> int:
        """A general register or RIP, of all that the stub sends (it has no command for one)."""
        content = self.ask(b"g")[16 * number : 16 * number + 16]
        return int.from_bytes(bytes.fromhex(content.decode()), "little")

    def _expect_ok(self, command: bytes) -> None:
        if (answer := self.ask(command)) != b"OK":
            raise NotMeasured(f"QEMU's gdb stub answers {answer.decode()!r} to {command.decode()}")

    def _packet(self) -> bytes:
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if start >= 0 and end >= 0 and len(self._buffer) >= end + 3:
                content, self._buffer = self._buffer[start + 1 : end], self._buffer[end + 3 :]
                self._socket.sendall(b"+")
                return content
            try:
                piece = self._socket.recv(65536)
            except TimeoutError:
                raise NotMeasured("the machine did not reach its next breakpoint in time") from None
            if not piece:
                raise NotMeasured("QEMU ended under the debugger")
            self._buffer += piece
