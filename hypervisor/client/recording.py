"""Events of a running machine: taken while they happen, in one order of all processors."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypervisor.client.connection import Connection
from hypervisor.trace.events import NO_VCPU, EventKind

KINDS = {kind.value: kind for kind in EventKind}


@dataclass(frozen=True, order=True)
class Event:
    """What happened on processor `cpu`, at `ns` of the monitor's clock. `vcpu` is a number of the pool or NO_VCPU."""

    ns: int
    cpu: int
    kind: EventKind = field(compare=False)
    vcpu: int
    value: int


@dataclass
class Recording:
    """`vcpus` names the virtual CPUs by number, as (VM, index in it); `lost` counts per processor."""

    cpus: int
    vms: dict[int, str]
    vcpus: dict[int, tuple[int, int]]
    events: list[Event] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Clock:
    """The monitor's clock: `ns` at `tsc`."""

    tsc_hz: int
    tsc: int
    ns: int

    def at(self, tsc: int) -> int:
        return self.ns + (tsc - self.tsc) * 1_000_000_000 // self.tsc_hz


def record(connection: Connection, seconds: float) -> Recording:
    """Trace for so long; the trace is switched off on every way out."""
    ping = connection.ask("ping")
    clock = Clock(ping["tsc_hz"], ping["tsc"], ping["ns"])
    vms = {vm["vm"]: vm["name"] for vm in connection.ask("list")["vms"]}
    vcpus = {each["vcpu"]: (each["vm"], each["index"]) for each in connection.ask("vcpus")["vcpus"]}
    recording = Recording(ping["cpus"], vms, vcpus, lost=[0] * ping["cpus"])
    connection.ask("trace", state="on")
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            took = sum(take(connection, recording, clock, cpu) for cpu in range(recording.cpus))
            if took == 0:
                time.sleep(0.05)
    finally:
        connection.ask("trace", state="off")
    for cpu in range(recording.cpus):
        while take(connection, recording, clock, cpu):
            pass
    recording.events.sort()
    return recording


def take(connection: Connection, recording: Recording, clock: Clock, cpu: int) -> int:
    """What one answer holds of one processor's events; how many that were."""
    answer = connection.ask("events", cpu=cpu)
    events = list(decode(answer["events"], cpu, clock))
    recording.events += events
    recording.lost[cpu] = answer["lost"]
    return len(events)


def decode(text: str, cpu: int, clock: Clock) -> Iterator[Event]:
    """The events of an answer; kinds that only a newer monitor has are left out."""
    numbers = leb128(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    tsc = 0
    for ticks, kind, vcpu, value in zip(numbers, numbers, numbers, numbers, strict=False):
        tsc += ticks
        if kind in KINDS:
            yield Event(clock.at(tsc), cpu, KINDS[kind], vcpu - 1 if vcpu else NO_VCPU, value)


def leb128(data: bytes) -> Iterator[int]:
    """Each byte holds seven bits, lowest first, and in bit 7 whether more follow."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value
            value = shift = 0
