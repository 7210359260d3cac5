"""Storms of interprocessor interrupts, chosen by the command line, for ever."""

from __future__ import annotations

from codegen.lang import Span, fn, range, span, u32, u64
from tests.guests.command_line import asks_for
from tests.guests.console import say
from tests.guests.smp.apic import FIXED, INIT, STARTUP, TO_ALL, TO_OTHERS, send
from tests.guests.smp.processor import COUNT, Processor
from tests.guests.smp.start import has_started
from tests.guests.smp.task import give_all, task
from tests.guests.smp.trampoline import PAGE
from tests.guests.smp.vectors import VECTOR_FIXED

TO_EACH_OTHER = span(b"ipi-storm")
TO_SLEEPERS = span(b"wake-storm")


@task
@fn
def interrupt_all(own: Processor, argument: u64) -> u64:
    """Everybody, itself too, until the machine ends."""
    while not own.stop:
        send(u32(0), u32(FIXED | TO_ALL | VECTOR_FIXED))
    return argument


@fn
def start_others() -> None:
    """At once: a pause between INIT and STARTUP is for processors of another make."""
    for i in range(u32(1), u32(COUNT)):
        send(i, u32(INIT))
        send(i, u32(STARTUP | PAGE))
        say(f"processor {i} runs {has_started(i, u32(1))}")


@fn
def rage_as_asked(line: Span) -> None:
    """Does not come back when the command line asks for a storm."""
    if asks_for(line, TO_EACH_OTHER):
        start_others()
        give_all(u32(interrupt_all.number), u64(0))
        while True:
            send(u32(0), u32(FIXED | TO_ALL | VECTOR_FIXED))
    if asks_for(line, TO_SLEEPERS):
        start_others()
        while True:
            send(u32(0), u32(FIXED | TO_OTHERS | VECTOR_FIXED))
