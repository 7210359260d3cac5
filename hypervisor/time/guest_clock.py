"""The TSC's rate in the form of the KVM-compatible clock: ns = ((ticks << shift) * multiplier) >> 32."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, storage, u8, u32, u64
from hypervisor.time.clock import CLOCK, SECOND


class GuestClock(Struct):
    """The same for every guest."""

    multiplier: Field[u32]
    shift: Field[u8]  # two's complement


GUEST_CLOCK = storage(GuestClock)


@fn(cold=True)
def guest_clock_start() -> None:
    """Bring the rate between one and two ticks a nanosecond, so that the multiplier keeps 31 bits."""
    rate = CLOCK.tsc_hz
    shift = u8(0)
    while rate > 2 * SECOND:
        rate = rate >> 1
        shift = shift.wrapping_sub(u8(1))
    while rate <= SECOND:
        rate = rate << 1
        shift = shift.wrapping_add(u8(1))
    GUEST_CLOCK.multiplier = u32.trunc((u64(SECOND) << 32) // rate)
    GUEST_CLOCK.shift = shift
