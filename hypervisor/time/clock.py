"""The one clock: nanoseconds since the monitor started, from the TSC."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, implements, rdtsc, storage, u64
from drivers.host import moment
from hypervisor.time.ratio import Ratio, scale, set_ratio

SECOND = 1_000_000_000  # nanoseconds


class Clock(Struct):
    """Set once, before the first guest; the same for all processors."""

    tsc_hz: Field[u64]
    start: Field[u64]  # TSC at nanosecond 0
    to_ns: Ratio
    to_tsc: Ratio


CLOCK = storage(Clock)


@fn(cold=True)
def clock_start(tsc_hz: u64, start: u64) -> None:
    """`tsc_hz` is the measured rate, `start` the TSC that shall be nanosecond 0."""
    CLOCK.tsc_hz = tsc_hz
    CLOCK.start = start
    set_ratio(CLOCK.to_ns, u64(SECOND), tsc_hz)
    set_ratio(CLOCK.to_tsc, tsc_hz, u64(SECOND))


@implements(moment)
@fn
def clock_now() -> u64:
    """Nanoseconds since start."""
    return clock_at(rdtsc())


@fn
def clock_at(tsc: u64) -> u64:
    """The clock's time at a TSC reading, which is not before `start`."""
    return scale(tsc.wrapping_sub(CLOCK.start), CLOCK.to_ns)


@fn
def tsc_at(ns: u64) -> u64:
    """The TSC at which the clock shows `ns`, rounded up: a deadline is never early."""
    return scale(ns, CLOCK.to_tsc).wrapping_add(CLOCK.start).wrapping_add(u64(1))


@fn
def ns_to_tsc(ns: u64) -> u64:
    """A duration in TSC ticks."""
    return scale(ns, CLOCK.to_tsc)


@fn
def tsc_to_ns(ticks: u64) -> u64:
    """A duration in nanoseconds."""
    return scale(ticks, CLOCK.to_ns)
