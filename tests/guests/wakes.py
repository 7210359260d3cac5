"""How late a timer wakes this guest: from the programmed moment to its interrupt's handler, in ticks of the TSC."""

from __future__ import annotations

from codegen.lang import Array, Span, Struct, cli, count, fn, range, rdtsc, span, sti_hlt, storage, u32, u64, wrmsr
from drivers.interrupt.lapic import MSR_TSC_DEADLINE, TimerMode
from tests.guests.command_line import asks_for
from tests.guests.console import say
from tests.guests.machine import power_off
from tests.guests.storms import apic_begin
from tests.guests.trapped import TRAPPED

SAMPLES = 64
SHORTEST, STEP = 2_000_000, 77_777  # ticks of sleep: in step with no other guest's turns
WAKES = span(b"late-wakes")


class Delays(Struct):
    ticks: Array[u64] = count(SAMPLES)


DELAYS = storage(Delays)


@fn
def measure_as_asked(line: Span) -> None:
    """When the command line asks for it: each delay in a line, then power-off."""
    if not asks_for(line, WAKES):
        return
    apic = apic_begin(u32(TimerMode.TSC_DEADLINE) << 17)
    for i in range(u32(SAMPLES)):
        deadline = rdtsc() + SHORTEST + u64(i) * STEP
        wrmsr(u32(MSR_TSC_DEADLINE), deadline)
        sti_hlt()
        cli()
        apic.eoi.write(u32(0))
        DELAYS.ticks[i] = TRAPPED.tsc_of_interrupt - deadline
    for i in range(u32(SAMPLES)):
        say(f"woke late by {DELAYS.ticks[i]}")
    say("end of wakes")
    power_off()
