"""What the firmware took of the way to the monitor: TSC ticks inside its calls."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, rdtsc, storage, u64


class FirmwareTime(Struct):
    ticks: Field[u64]


FIRMWARE_TIME = storage(FirmwareTime)


@fn
def count_firmware_call(begin: u64) -> None:
    """Add a call that began at TSC `begin` and has ended."""
    FIRMWARE_TIME.ticks = FIRMWARE_TIME.ticks.wrapping_add(rdtsc().wrapping_sub(begin))
