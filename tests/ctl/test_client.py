"""The host's side: what it makes of answers and events, the machine played by the test."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

from hypervisor.client import connection as connection_module
from hypervisor.client.command import argument, newest_socket
from hypervisor.client.connection import Connection, CtlError, connect
from hypervisor.client.perfetto_file import write_perfetto
from hypervisor.client.recording import Event, Recording
from hypervisor.client.top import Sample, top_text
from hypervisor.trace.events import NO_VCPU, EventKind
from hypervisor.vcpu.exit import ExitKind


def played(answers: list[bytes]) -> Connection:
    """A machine that gives these bytes, one after each line that it gets."""
    ours, theirs = socket.socketpair()

    def machine() -> None:
        with theirs, theirs.makefile("rb") as lines:
            for answer in answers:
                if lines.readline():
                    theirs.sendall(answer)

    threading.Thread(target=machine, daemon=True).start()
    return Connection(ours)


def test_what_is_left_of_an_earlier_client_is_skipped() -> None:
    connection = played([b'0,"lost":0}\n[1]\n\xff\n{"id":9,"ok":true}\n{"id":1,"ok":true,"n":5}\n'])
    assert connection.ask("ping")["n"] == 5


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b'{"id":1,"ok":false,"error":"no"}\n', "ping: no"),
        (b'{"id":1', "the machine has ended"),
        (b"x" * (1 << 20) + b"x", "does not speak this protocol"),
    ],
)
def test_what_goes_wrong_is_said(answer: bytes, message: str) -> None:
    with pytest.raises(CtlError, match=message):
        played([answer]).ask("ping")


def test_a_silence_is_explained_by_what_the_machine_has_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "PATIENCE", 0.5)
    with pytest.raises(CtlError, match=r"within 0.5 s; it has refused a line: bytes were lost"):
        played([b'{"id":null,"ok":false,"error":"bytes were lost; send it again"}\n', b""]).ask("ping")


def test_without_a_machine_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(CtlError, match="no machine runs"):
        newest_socket(tmp_path)
    with pytest.raises(CtlError, match="no machine answers"), connect(tmp_path / "none.ctl"):
        pass


def test_arguments_are_numbers_or_text() -> None:
    assert dict(map(argument, ["cpu=1", "state=on", "x=a=b"])) == {"cpu": 1, "state": "on", "x": "a=b"}
    with pytest.raises(CtlError):
        argument("on")


def recorded(*events: Event) -> Recording:
    return Recording(2, {0: "a"}, {0: (0, 0), 1: (0, 1)}, list(events), [0, 3])


def rows(recording: Recording, file: Path) -> list[tuple[int, str, str]]:
    """Time, name of the track, and what: `+NAME`, `-` or `!NAME`."""
    write_perfetto(recording, file)
    packets = Trace.FromString(file.read_bytes()).packet
    tracks = {p.track_descriptor.uuid: p.track_descriptor.name for p in packets if p.HasField("track_descriptor")}
    events = [(p.timestamp, p.track_event) for p in packets if p.HasField("track_event")]
    return [(ns, tracks[e.track_uuid], {1: "+", 2: "-", 3: "!"}[e.type] + e.name) for ns, e in events]


def test_a_stay_in_a_guest_is_a_slice_named_after_its_exit(tmp_path: Path) -> None:
    hlt = ExitKind.HLT.value
    found = rows(
        recorded(
            Event(1, 0, EventKind.SWITCH, 1, 0),
            Event(2, 0, EventKind.INJECT, 1, 0x8000_0030),
            Event(3, 0, EventKind.ENTRY, 1, 0),
            Event(5, 0, EventKind.EXIT, 1, hlt),
            Event(6, 0, EventKind.IDLE, NO_VCPU, 0),
            Event(7, 1, EventKind.KICK, NO_VCPU, 0),
            Event(8, 0, EventKind.BUSY, NO_VCPU, 0),
        ),
        tmp_path / "trace",
    )
    assert found == [
        (1, "cpu 0", "+a/1"),
        (6, "cpu 0", "-"),
        (2, "vCPU 1", "!inject 0x30"),
        (3, "vCPU 1", "+HLT"),
        (5, "vCPU 1", "-"),
        (6, "cpu 0", "+idle"),
        (8, "cpu 0", "-"),
        (7, "cpu 1, 3 events lost", "!kick cpu 0"),
    ]


def test_halves_that_lost_events_leave_make_no_slices(tmp_path: Path) -> None:
    exit_ = ExitKind.CPUID.value
    found = rows(
        recorded(
            Event(1, 0, EventKind.EXIT, 0, exit_),
            Event(2, 0, EventKind.ENTRY, 0, 0),
            Event(3, 1, EventKind.EXIT, 0, exit_),
            Event(4, 1, EventKind.ENTRY, 0, 0),
            Event(5, 1, EventKind.ENTRY, 0, 0),
            Event(6, 1, EventKind.EXIT, 0, 999),
        ),
        tmp_path / "trace",
    )
    assert found == [(5, "vCPU 0", "+999"), (6, "vCPU 0", "-")]


def test_top_shows_shares_of_the_time_between_two_looks() -> None:
    def look(ns: int, idle: int, ran: int, exits: int) -> Sample:
        cpus = [{"cpu": 0, "idle_ns": idle, "switches": 0}]
        vcpus = [{"vcpu": 0, "vm": 0, "index": 0, "state": "RUNNABLE", "ran_ns": ran, "exits": exits, "cpu": 0}]
        return Sample(ns, cpus, [{"vm": 0, "name": "a"}], vcpus)

    text = top_text(look(0, 0, 0, 0), look(2_000_000_000, 500_000_000, 1_500_000_000, 300))
    assert "75.0 % busy" in text
    assert text.splitlines()[-1].split() == ["a", "0", "RUNNABLE", "0", "75.0", "150"]
