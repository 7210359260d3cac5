"""A recording as a file for Perfetto (ui.perfetto.dev): a track for each processor, one for each virtual CPU.

A vCPU's track has a slice for each stay in its guest, named after the exit that ended it. A processor's track has its
turns, named after the vCPU, and its idle times. What has no length (inject, wake, kick, order) is an instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TracePacket, TrackDescriptor, TrackEvent
from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder

from codegen.lang import HwEnum
from hypervisor.client.recording import Event, Recording
from hypervisor.trace.events import NO_VCPU, EventKind
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vm.order import OrderKind

SEQUENCE = 1
CPUS_TRACK, CPU_TRACK, VM_TRACK, VCPU_TRACK = 1, 1 << 8, 2 << 8, 3 << 8  # first uuids
MACHINE_PID = 1


@dataclass(frozen=True, order=True)
class Slice:
    """On one track from `begin` to `end`, in ns; an instant when they are equal."""

    begin: int
    end: int
    track: int
    name: str
    instant: bool = False


def write_perfetto(recording: Recording, file: Path) -> int:
    """Write it; how many slices and instants it has."""
    with file.open("wb") as output:
        builder = StreamingTraceProtoBuilder(output)
        for descriptor in tracks(recording):
            packet = new_packet(builder)
            packet.track_descriptor.CopyFrom(descriptor)
            builder.write_packet(packet)
        written = 0
        for each in sorted(slices(recording)):
            written += 1
            begin = TrackEvent.TYPE_INSTANT if each.instant else TrackEvent.TYPE_SLICE_BEGIN
            write_event(builder, each.begin, each.track, begin, each.name)
            if not each.instant:
                write_event(builder, each.end, each.track, TrackEvent.TYPE_SLICE_END, None)
    return written


def new_packet(builder: StreamingTraceProtoBuilder) -> TracePacket:
    packet = builder.create_packet()
    packet.trusted_packet_sequence_id = SEQUENCE
    return packet


def write_event(
    builder: StreamingTraceProtoBuilder, ns: int, track: int, kind: TrackEvent.Type, name: str | None
) -> None:
    packet = new_packet(builder)
    packet.timestamp = ns
    packet.track_event.type = kind
    packet.track_event.track_uuid = track
    if name is not None:
        packet.track_event.name = name
    builder.write_packet(packet)


def tracks(recording: Recording) -> Iterator[TrackDescriptor]:
    """The machine with its processors, and each VM with its virtual CPUs."""
    yield process(CPUS_TRACK, MACHINE_PID, "processors")
    for cpu in range(recording.cpus):
        lost = f", {recording.lost[cpu]} events lost" if recording.lost[cpu] else ""
        yield child(CPU_TRACK + cpu, CPUS_TRACK, f"cpu {cpu}{lost}")
    for vm, name in recording.vms.items():
        yield process(VM_TRACK + vm, MACHINE_PID + 1 + vm, name)
    for vcpu, (vm, index) in recording.vcpus.items():
        yield child(VCPU_TRACK + vcpu, VM_TRACK + vm, f"vCPU {index}")


def process(uuid: int, pid: int, name: str) -> TrackDescriptor:
    descriptor = TrackDescriptor(uuid=uuid)
    descriptor.process.pid = pid
    descriptor.process.process_name = name
    return descriptor


def child(uuid: int, parent: int, name: str) -> TrackDescriptor:
    return TrackDescriptor(uuid=uuid, parent_uuid=parent, name=name)


def slices(recording: Recording) -> Iterator[Slice]:
    """An entry without its exit, or the other way round, belongs to a loss, or to the ends of the recording: it is left
    out."""
    entered: dict[int, Event] = {}
    on_cpu: dict[int, tuple[int, str]] = {}
    end = recording.events[-1].ns if recording.events else 0
    for event in recording.events:
        match event.kind:
            case EventKind.ENTRY:
                entered[event.vcpu] = event
            case EventKind.EXIT:
                entry = entered.pop(event.vcpu, None)
                if entry is not None and entry.cpu == event.cpu:
                    yield Slice(entry.ns, event.ns, VCPU_TRACK + event.vcpu, name_in(ExitKind, event.value))
            case EventKind.SWITCH | EventKind.IDLE | EventKind.BUSY as kind:
                if event.cpu in on_cpu:
                    begin, name = on_cpu.pop(event.cpu)
                    yield Slice(begin, event.ns, CPU_TRACK + event.cpu, name)
                if kind is not EventKind.BUSY:
                    on_cpu[event.cpu] = event.ns, "idle" if kind is EventKind.IDLE else vcpu_name(recording, event.vcpu)
            case EventKind.INJECT:
                yield instant(event, VCPU_TRACK + event.vcpu, f"inject {event.value & 0xFF:#04x}")
            case EventKind.WAKE:
                yield instant(event, CPU_TRACK + event.cpu, f"wake {vcpu_name(recording, event.vcpu)}")
            case EventKind.KICK:
                yield instant(event, CPU_TRACK + event.cpu, f"kick cpu {event.value}")
            case EventKind.ORDER:
                yield instant(event, VCPU_TRACK + event.vcpu, f"order {name_in(OrderKind, event.value)}")
    for cpu, (begin, name) in on_cpu.items():
        yield Slice(begin, end, CPU_TRACK + cpu, name)


def instant(event: Event, track: int, name: str) -> Slice:
    return Slice(event.ns, event.ns, track, name, True)


def vcpu_name(recording: Recording, vcpu: int) -> str:
    """Of one that appeared after the recording began, its number."""
    if vcpu == NO_VCPU or vcpu not in recording.vcpus:
        return f"vCPU {vcpu}"
    vm, index = recording.vcpus[vcpu]
    return f"{recording.vms.get(vm, vm)}/{index}"


def name_in(kinds: type[HwEnum], number: int) -> str:
    """The member's name, or the number that a newer monitor has."""
    return next((kind.name for kind in kinds if kind.value == number), str(number))
