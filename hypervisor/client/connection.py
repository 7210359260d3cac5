"""A connection to a running machine: requests and answers, one JSON object a line."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHUNK = 65536
ANSWER_MAX = 1 << 20
FEW, GATHER = 256, 0.002
"""QEMU sends each byte by itself, and would wake us for each: some bytes, and seconds in which more may gather."""
PATIENCE = 30.0
"""Seconds for an answer: an emulated machine may be slow, but not that slow."""


class CtlError(Exception):
    """No machine, no answer, or a refusal; the message is for the user."""


class Connection:
    """`channel` is a connected stream socket."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.received = b""
        self.number = 0
        channel.settimeout(PATIENCE)

    def ask(self, verb: str, **arguments: str | int) -> dict[str, Any]:
        """The answer to one request. Raises CtlError when it is refused."""
        self.number += 1
        request = {"id": self.number, "verb": verb, **arguments}
        refused = ""
        try:
            self.channel.sendall(json.dumps(request).encode("ascii") + b"\n")
            answer = self.next_answer()
            while answer.get("id") != self.number:  # of an earlier client, which did not wait for it
                if answer.get("id") is None and "error" in answer:
                    refused = f"; it has refused a line: {answer['error']}"
                answer = self.next_answer()
        except TimeoutError:
            raise CtlError(f"the machine has not answered {verb} within {PATIENCE:g} s{refused}") from None
        except OSError as error:
            raise CtlError(f"the connection is lost: {error}") from None
        if not answer.get("ok"):
            raise CtlError(f"{verb}: {answer.get('error')}")
        return answer

    def next_answer(self) -> dict[str, Any]:
        """The next whole line that is an object; what else comes (half a line, at first) is skipped."""
        while True:
            line = self.next_line()
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            if isinstance(answer, dict):
                return answer

    def next_line(self) -> bytes:
        while b"\n" not in self.received:
            chunk = self.channel.recv(CHUNK)
            if not chunk:
                raise CtlError("the machine has ended")
            self.received += chunk
            if len(chunk) < FEW:
                time.sleep(GATHER)
            if len(self.received) > ANSWER_MAX:
                raise CtlError("the machine does not speak this protocol")
        line, _, self.received = self.received.partition(b"\n")
        return line


@contextmanager
def connect(path: Path) -> Iterator[Connection]:
    """To a machine's Unix socket. A line end first: an earlier client may have left half a request."""
    with socket.socket(socket.AF_UNIX) as channel:
        try:
            channel.connect(str(path))
            channel.sendall(b"\n")
        except OSError as error:
            raise CtlError(f"no machine answers at {path}: {error.strerror}") from None
        yield Connection(channel)
