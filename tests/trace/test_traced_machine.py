"""Two VMs on two processors, traced for a while: what the file says, by Perfetto's own descriptors."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace

from boot.machines.machine import MIB, Host
from hypervisor.client.command import trace_into
from hypervisor.client.connection import Connection, CtlError, connect
from hypervisor.client.top import sample, top_text
from tests.guests_boot.archive import archive_of_own_kernels
from tests.guests_boot.asked import asked_machine
from tests.guests_boot.dialog import Dialog, dialog


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of_own_kernels(tmp_path_factory.mktemp("traced"), "32M", storm="msr-storm", spins="spin")


def tracks_of(trace: Any) -> dict[int, str]:
    """By uuid; a vCPU's name with its VM's in front."""
    found = {p.track_descriptor.uuid: p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")}
    parents = {uuid: found[each.parent_uuid].process.process_name for uuid, each in found.items() if each.parent_uuid}
    return {uuid: f"{parent}: {found[uuid].name}" for uuid, parent in parents.items()}


def slices_of(trace: Any) -> dict[str, list[tuple[int, int, str]]]:
    """By track: begin, end, name. What does not alternate fails."""
    tracks = tracks_of(trace)
    slices: dict[str, list[tuple[int, int, str]]] = {name: [] for name in tracks.values()}
    open_slices: dict[str, tuple[int, str]] = {}
    for packet in trace.packet:
        if packet.HasField("track_event"):
            event, track = packet.track_event, tracks[packet.track_event.track_uuid]
            if event.type == event.TYPE_SLICE_BEGIN:
                assert track not in open_slices
                open_slices[track] = packet.timestamp, event.name
            elif event.type == event.TYPE_SLICE_END:
                begin, name = open_slices.pop(track)
                assert not slices[track] or slices[track][-1][1] <= begin <= packet.timestamp
                slices[track].append((begin, packet.timestamp, name))
    assert open_slices == {}
    return slices


def check_trace(file: Path, seconds: float) -> None:
    trace = Trace.FromString(file.read_bytes())
    slices = slices_of(trace)
    named = {name.split(",")[0]: rows for name, rows in slices.items()}
    assert set(named) == {"processors: cpu 0", "processors: cpu 1", "storm: vCPU 0", "spins: vCPU 0"}
    exits = Counter(name for _, _, name in named["storm: vCPU 0"])
    assert exits["RDMSR"] > 100
    spins = named["spins: vCPU 0"]
    ran = sum(end - begin for begin, end, _ in spins)
    assert ran > 0.5 * (spins[-1][1] - spins[0][0]) > 0
    turns = {name for cpu in (0, 1) for _, _, name in named[f"processors: cpu {cpu}"]}
    assert {"storm/0", "spins/0"} <= turns <= {"storm/0", "spins/0", "idle"}
    length = max(end for rows in named.values() for _, end, _ in rows) - min(rows[0][0] for rows in named.values())
    assert length > 0.2 * seconds * 1e9


def started(console: Dialog, seconds: float) -> None:
    for _ in range(2):
        console.wait(": started, ", seconds)


def asked(connection: Connection) -> None:
    vms = connection.ask("list")["vms"]
    assert [(vm["name"], vm["state"], vm["memory"]) for vm in vms] == [
        ("storm", "RUNNING", 32 * MIB),
        ("spins", "RUNNING", 32 * MIB),
    ]
    with pytest.raises(CtlError, match="no such processor"):
        connection.ask("events", cpu=2)


def test_two_vms_on_two_processors_are_listed_watched_and_traced(archive: Path, tmp_path: Path) -> None:
    socket = tmp_path / "ctl"
    with dialog(asked_machine(Host.QEMU, archive, tmp_path, 512 * MIB)) as console:
        started(console, 60)
        with connect(socket) as connection:
            asked(connection)
            before = sample(connection)
            time.sleep(1)
            text = top_text(before, sample(connection))
            assert "2 processors, 2 VMs" in text and "storm" in text
        with connect(socket) as connection:  # one after the other
            trace_into(connection, tmp_path / "trace", 1.0)
    check_trace(tmp_path / "trace", 1.0)
    assert not socket.exists()


def test_bochs_is_asked_and_traced_too(archive: Path, tmp_path: Path) -> None:
    socket = tmp_path / "ctl"
    with dialog(asked_machine(Host.BOCHS, archive, tmp_path, 256 * MIB)) as console:
        started(console, 200)
        with connect(socket) as connection:
            asked(connection)
            trace_into(connection, tmp_path / "trace", 3.0)
    check_trace(tmp_path / "trace", 0.0)
