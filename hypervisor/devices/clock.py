"""The rate of a chip's oscillator against the VM's one clock: exact in both directions, without drift."""

from __future__ import annotations

from collections.abc import Callable

from codegen.lang import fn, u64

NANOSECONDS_PER_SECOND = 1_000_000_000
NEVER = 0xFFFF_FFFF_FFFF_FFFF  # a deadline that does not come


def oscillator(frequency: int) -> tuple[Callable[[u64], u64], Callable[[u64], u64]]:
    """`(ticks_at, time_of)` for `frequency` Hz: whole ticks since the VM's clock read 0, and the first nanosecond at
    which that many have passed. Both split off whole seconds first, so no product leaves 64 bits."""

    @fn(unchecked=True)
    def ticks_at(now: u64) -> u64:
        second = now // NANOSECONDS_PER_SECOND
        return second * frequency + (now - second * NANOSECONDS_PER_SECOND) * frequency // NANOSECONDS_PER_SECOND

    @fn(unchecked=True)
    def time_of(ticks: u64) -> u64:
        second = ticks // frequency
        rest = ticks - second * frequency
        return second * NANOSECONDS_PER_SECOND + (rest * NANOSECONDS_PER_SECOND + (frequency - 1)) // frequency

    return ticks_at, time_of
