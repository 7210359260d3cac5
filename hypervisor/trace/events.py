"""The one list of events. Ring 0, the client that writes Perfetto's files and docs/tracing.md are made from it."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lang import BitStruct, HwEnum, bits, u8, u16, u32, u64

NO_VCPU = 0xFFFF
EVENT_BYTES = 16
"""Little-endian: 8 bytes of TSC, 8 of EventWord."""


class EventKind(HwEnum, repr=u8):
    """What happened. Numbers stay: clients know them."""

    ENTRY = 1
    EXIT = 2
    INJECT = 3
    SWITCH = 4
    WAKE = 5
    KICK = 6
    IDLE = 7
    BUSY = 8
    ORDER = 9


class EventWord(BitStruct, repr=u64):
    """All of an event but its time."""

    kind: EventKind = bits(0, 7)
    vcpu: u16 = bits(16, 31)  # its place in the pool, or NO_VCPU
    value: u32 = bits(32, 63)


@dataclass(frozen=True)
class EventType:
    """What a kind means. `value` says what the number with it is, empty for none."""

    kind: EventKind
    meaning: str
    vcpu: bool
    value: str = ""


EVENTS = (
    EventType(EventKind.ENTRY, "the processor is about to enter the vCPU's guest", True),
    EventType(EventKind.EXIT, "it has come back", True, "ExitKind"),
    EventType(EventKind.INJECT, "the next entry delivers an event to the guest", True, "Event (vector in bits 0 to 7)"),
    EventType(EventKind.SWITCH, "a turn of the vCPU begins on the processor", True),
    EventType(EventKind.WAKE, "the processor wakes a sleeping vCPU", True, "VcpuWork that is to be done"),
    EventType(EventKind.KICK, "the processor interrupts another one", False, "number of that processor"),
    EventType(EventKind.IDLE, "nobody can run: the processor halts", False),
    EventType(EventKind.BUSY, "it goes on", False),
    EventType(EventKind.ORDER, "a whole VM is to be reset or stopped", True, "OrderKind; the vCPU is number 0 of it"),
)
assert [each.kind for each in EVENTS] == list(EventKind)
