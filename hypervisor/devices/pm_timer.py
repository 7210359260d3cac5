"""The ACPI power-management timer (ACPI 6.5, section 4.8.3.3), derived from the VM's clock like all the others."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.timer.pm_timer import PM_TIMER_FREQUENCY
from hypervisor.devices.clock import oscillator

PM_TIMER_BITS = 32  # FADT: TMR_VAL_EXT is set
VALUE_MASK = (1 << PM_TIMER_BITS) - 1

pm_ticks_at, pm_time_of = oscillator(PM_TIMER_FREQUENCY)


@fn
def pm_timer_read(now: u64) -> u32:
    """The counter, 3.579545 MHz, read-only."""
    return u32.trunc(pm_ticks_at(now) & VALUE_MASK)


@fn
def pm_timer_carries(now: u64) -> u64:
    """How often the highest bit has changed since the clock read 0: each change sets TMR_STS in the PM1 status
    register."""
    return pm_ticks_at(now) >> (PM_TIMER_BITS - 1)


@fn
def pm_timer_next_carry(now: u64) -> u64:
    """When the highest bit changes next, ns."""
    return pm_time_of((pm_timer_carries(now) + 1) << (PM_TIMER_BITS - 1))
