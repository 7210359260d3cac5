"""The host's own timer, of the local APIC: wakes an idle processor, and ends a guest's time slice on AMD-V."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, max, min, pause, rdtsc, storage, u8, u32, u64
from drivers.interrupt.lapic_driver import (
    lapic_timer_arm_count,
    lapic_timer_arm_deadline,
    lapic_timer_count,
    lapic_timer_start,
)
from hypervisor.cpu.interrupts import VECTOR_TIMER
from hypervisor.cpu.per_cpu import CPU
from hypervisor.time.clock import CLOCK
from hypervisor.time.ratio import Ratio, scale, set_ratio

MEASURED_PART = 2000  # of a second: half a millisecond
COUNT_MAX = 0xFFFF_FFFF


class HostTimer(Struct):
    """`by_deadline`: armed with a TSC value; else with a count of the timer's own ticks."""

    by_deadline: Field[bool]
    hz: Field[u64]
    from_tsc: Ratio


TIMER = storage(HostTimer)


@fn(cold=True)
def host_timer_start(tsc_deadline: bool) -> None:
    """Set up this processor's timer; without TSC-deadline mode its rate is measured against the TSC first."""
    TIMER.by_deadline = tsc_deadline
    lapic_timer_start(u8(VECTOR_TIMER), tsc_deadline)
    if not tsc_deadline and TIMER.hz == 0:
        measure()


@fn(cold=True)
def measure() -> None:
    """Ticks of the timer against ticks of the TSC; the interrupt cannot come, the count being so high."""
    lapic_timer_arm_count(u32(COUNT_MAX))
    lapic_timer_count()  # the first access of each kind is slow in an emulator: it is not measured
    first = lapic_timer_count()
    begin = rdtsc()
    end = begin + CLOCK.tsc_hz // MEASURED_PART
    while rdtsc() < end:
        pause()
    last = lapic_timer_count()
    elapsed = rdtsc() - begin
    lapic_timer_arm_count(u32(0))
    ticks = u64(first.wrapping_sub(last))
    TIMER.hz = ticks * CLOCK.tsc_hz // elapsed
    set_ratio(TIMER.from_tsc, max(ticks, u64(1)), elapsed)


@fn
def host_timer_arm(tsc: u64) -> None:
    """Interrupt this processor when the TSC reaches `tsc`, at once when it has; not later by more than one tick."""
    CPU.current.timer_fired.store(0)
    if TIMER.by_deadline:
        lapic_timer_arm_deadline(tsc)
        return
    now = rdtsc()
    ticks = u64(1)
    if tsc > now:
        ticks = min(scale(tsc - now, TIMER.from_tsc) + 1, u64(COUNT_MAX))
    lapic_timer_arm_count(u32(ticks))
