"""Waiting without using the processor up: the others may share it."""

from __future__ import annotations

from codegen.lang import cli, fn, intrinsic, pause, range, rdtsc, sti_hlt, u32, u64
from tests.guests.smp.apic import INITIAL_COUNT, TIMER, write_apic
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.vectors import VECTOR_REST

PATIENCE = 100_000  # rests: the host may be slow, and shared
LONG_PATIENCE = 1_000_000  # for a task that takes its time
REST = 50_000  # ticks of the local APIC's timer, which are nanoseconds here
SETTLED = 100  # rests after which nothing comes any more


@fn
def rest() -> None:
    """Halt for a moment, or until an interrupt comes; interrupts are on afterwards."""
    cli()
    write_apic(u32(TIMER), u32(VECTOR_REST))
    write_apic(u32(INITIAL_COUNT), u32(REST))
    sti_hlt()


@fn
def settle() -> None:
    """Long enough for what has been sent to arrive, were it wanted or not."""
    for _ in range(u32(SETTLED)):
        rest()


@fn
def came(processor: Processor, vector: u32, wanted: u32) -> bool:
    """Until it has counted so many; False when patience ends, or when there are more."""
    patience = u32(PATIENCE)
    while processor.counts[vector] < wanted and patience != 0:
        rest()
        patience -= 1
    return processor.counts[vector] == wanted


@fn
def reached(processor: Processor, step: u64) -> bool:
    """Until its task has come so far."""
    patience = u32(PATIENCE)
    while processor.step < step and patience != 0:
        rest()
        patience -= 1
    return processor.step >= step


@fn
def forget(vector: u32) -> None:
    """Count from 0 on all processors."""
    for i in range(u32(COUNT)):
        CPUS[i].counts[vector] = 0


@fn
def received(vector: u32) -> u32:
    """How many each has counted since, after a while in which more would come: four bits each, processor 0 lowest."""
    settle()
    found = u32(0)
    for i in range(u32(COUNT)):
        found = found | (CPUS[i].counts[vector] & 0xF) << (4 * i)
    return found


@fn
def spin(ticks: u64) -> None:
    """Busy for so many ticks of the TSC."""
    started = rdtsc()
    while rdtsc() - started < ticks:
        pause()


@intrinsic("sti; nop; nop; cli", "~{memory}")
def open_interrupts() -> None:
    """Let everything in that waits."""
    raise NotImplementedError
