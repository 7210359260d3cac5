"""`./build.py ctl VERB …`: a verb of the protocol, or `top`, or a trace into a file."""

from __future__ import annotations

import json
from pathlib import Path

from hypervisor.client.connection import Connection, CtlError, connect
from hypervisor.client.perfetto_file import write_perfetto
from hypervisor.client.recording import record
from hypervisor.client.top import top


def ctl(socket: Path, verb: str, words: list[str], output: Path | None, seconds: float) -> None:
    """Raises CtlError. `words` are `KEY=VALUE`; a value of digits is a number."""
    with connect(socket) as connection:
        if verb == "top":
            top(connection)
        elif verb == "trace" and output is not None:
            trace_into(connection, output, seconds)
        else:
            answer = connection.ask(verb, **dict(map(argument, words)))
            print(json.dumps({key: value for key, value in answer.items() if key not in ("id", "ok")}, indent=2))


def argument(word: str) -> tuple[str, str | int]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise CtlError(f"{word!r} is no argument; write KEY=VALUE")
    return key, int(value) if value.isascii() and value.isdigit() else value


def trace_into(connection: Connection, output: Path, seconds: float) -> None:
    recording = record(connection, seconds)
    written = write_perfetto(recording, output)
    lost = f", {sum(recording.lost)} were lost" if any(recording.lost) else ""
    print(f"{output}: {len(recording.events)} events{lost}, {written} slices and instants; open it in ui.perfetto.dev")


def newest_socket(folder: Path) -> Path:
    """Of the machine that was started last. Raises CtlError when there is none."""
    sockets = sorted(folder.glob("*.ctl"), key=lambda file: file.stat().st_mtime)
    if not sockets:
        raise CtlError("no machine runs: start one with ./build.py run")
    return sockets[-1]
