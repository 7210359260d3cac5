"""How fast the TSC runs, measured against a reference clock: what CPUID 15H and 16H claim is not believed."""

from __future__ import annotations

from codegen.lang import Field, Local, Struct, fn, max, pause, range, rdtsc, u32, u64
from drivers.timer.reference import Reference

EDGE_PATIENCE = 200_000  # readings without a tick: the reference stands still
PRECISION = 10_000  # the uncertainty of the two edges is at most 1 / PRECISION of what is measured
LONGEST_MS = 40  # below the 54.9 ms in which the PIT's counter wraps
SHORTEST_MS = 1
HZ_MIN = 1_000_000
HZ_MAX = 20_000_000_000


class Edge(Struct):
    """A tick of the reference seen as it happened: between `before` and `after`, TSC."""

    count: Field[u32]
    before: Field[u64]
    after: Field[u64]


@fn(cold=True)
def wait_for_edge(reference: Reference, edge: Edge) -> bool:
    """Read until the counter moves. False when it stands still."""
    last = reference.read()
    edge.before = rdtsc()
    for _ in range(u32(EDGE_PATIENCE)):
        now = reference.read()
        edge.after = rdtsc()
        if now != last:
            edge.count = now
            return True
        edge.before = edge.after
        pause()
    return False


@fn(cold=True)
def measure_tsc(reference: Reference) -> u64 | None:
    """TSC ticks in a second. None when the reference stands still or the result is absurd.

    Takes SHORTEST_MS where reading clocks is quick (an emulator that counts instructions), up to LONGEST_MS where not.
    """
    first = Local(Edge)
    last = Local(Edge)
    if not wait_for_edge(reference, first):
        return None
    shortest = reference.frequency * SHORTEST_MS // 1000
    longest = reference.frequency * LONGEST_MS // 1000
    while True:
        if not wait_for_edge(reference, last):
            return None
        ticks = u64(reference.since(first.count, last.count))
        elapsed = last.after.wrapping_sub(first.after)
        unsure = max((first.after - first.before) + (last.after - last.before), u64(1))
        if ticks >= longest or (ticks >= shortest and elapsed // unsure >= PRECISION):
            return sane(elapsed, ticks, reference.frequency)


@fn
def sane(elapsed: u64, ticks: u64, frequency: u64) -> u64 | None:
    """elapsed * frequency / ticks, within what a TSC can be."""
    product = elapsed.checked_mul(frequency)
    if product is None or ticks == 0:
        return None
    hz = product // ticks
    if hz < HZ_MIN or hz > HZ_MAX:
        return None
    return hz
