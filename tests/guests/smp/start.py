"""Starting processors, and what each finds when it has started."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from tests.guests.smp.apic import (
    INIT,
    SPURIOUS,
    STARTUP,
    TASK_PRIORITY,
    TIMER,
    read_apic,
    send,
)
from tests.guests.smp.processor import COUNT, CPUS, Processor
from tests.guests.smp.trampoline import PAGE
from tests.guests.smp.wait import PATIENCE, rest, settle


@fn
def has_started(index: u32, starts: u32) -> bool:
    """Until it has started `starts` times in all; False when patience ends, or when it was more often."""
    processor = CPUS[index]
    patience = u32(PATIENCE)
    while processor.starts < starts and patience != 0:
        rest()
        patience -= 1
    return processor.starts == starts


@fn
def start_again(index: u32) -> bool:
    """INIT and STARTUP."""
    starts = CPUS[index].starts
    send(index, u32(INIT))
    settle()
    send(index, u32(STARTUP | PAGE))
    return has_started(index, starts + 1)


@fn
def start_all() -> bool:
    """Everybody who has never started."""
    all_run = True
    for i in range(u32(1), u32(COUNT)):
        if CPUS[i].starts == 0:
            all_run = start_again(i) and all_run
    return all_run


@fn
def note_apic(own: Processor) -> None:
    """What is in it before anything has been written."""
    own.spurious_at_start = read_apic(u32(SPURIOUS))
    own.priority_at_start = read_apic(u32(TASK_PRIORITY))
    own.timer_at_start = read_apic(u32(TIMER))
