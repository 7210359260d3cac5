"""One processor's ring of events. It alone writes; one reader, on any processor, takes whole events meanwhile.

An event is written before it is counted. A reader's copy is good if, after copying, the count shows that the writer has
not come round to that place: it begins event n + capacity only when n + capacity events are counted.
"""

from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Struct, count, fn, range, storage_array, u32, u64
from hypervisor.cpu.per_cpu import CPUS_MAX

RING_EVENTS = 1 << 16
RING_FRAMES = RING_EVENTS * 16 // 4096
TRIES = 8


class TraceEvent(Struct, size=16, align=16):
    """TSC and EventWord."""

    tsc: Atomic[u64]
    word: Atomic[u64]


class TraceEvents(Struct):
    """A ring's memory: frames that the first `trace on` takes."""

    events: Array[TraceEvent] = count(RING_EVENTS)


class TakenEvent(Struct):
    """A reader's copy."""

    tsc: Field[u64]
    word: Field[u64]


class TraceRing(Struct, align=64):
    """`events`, once set, stays. The last three fields are the reader's."""

    written: Atomic[u64]  # events in all; number n lies at n & mask
    events: Field[TraceEvents | None]
    mask: Field[u64]  # capacity, a power of two up to RING_EVENTS, less 1
    position: Field[u64]  # of the next event to take
    lost: Field[u64]  # overwritten before they were taken


RINGS = storage_array(TraceRing, CPUS_MAX)


@fn(cold=True)
def ring_start(ring: TraceRing, events: TraceEvents, capacity: u64) -> None:
    """Empty, in this memory. Nobody writes yet."""
    assert capacity <= RING_EVENTS and capacity.count_ones() == 1
    ring.mask = capacity - 1
    ring.events = events
    ring_forget(ring)


@fn(cold=True)
def ring_forget(ring: TraceRing) -> None:
    """The reader wants nothing of what is there."""
    ring.position = ring.written.load()
    ring.lost = 0


@fn(cold=True)
def ring_write(ring: TraceRing, tsc: u64, word: u64) -> None:
    """By the ring's processor. Release stores keep their order: the event is whole before it is counted, and counted
    before the next one is begun."""
    events = ring.events
    if events is None:
        return
    number = ring.written.load()
    place = events.events[number & ring.mask & (RING_EVENTS - 1)]
    place.tsc.store_release(tsc)
    place.word.store_release(word)
    ring.written.store_release(number.wrapping_add(1))


@fn(cold=True)
def ring_take(ring: TraceRing, into: TakenEvent) -> bool:
    """Copy the oldest event that is left; False when there is none, or the writer is too fast to get one."""
    events = ring.events
    if events is None:
        return False
    for _ in range(u32(TRIES)):
        behind = ring.written.load().wrapping_sub(ring.position)
        if behind == 0:
            return False
        if behind > ring.mask:
            ring.lost = ring.lost.wrapping_add(behind - ring.mask)
            ring.position = ring.position.wrapping_add(behind - ring.mask)
        place = events.events[ring.position & ring.mask & (RING_EVENTS - 1)]
        into.tsc = place.tsc.load()
        into.word = place.word.load()
        if ring.written.load().wrapping_sub(ring.position) <= ring.mask:
            ring.position = ring.position.wrapping_add(1)
            return True
    return False
