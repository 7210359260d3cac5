"""Exceptions and interrupts that a check expects: what came, and where the guest goes on."""

from __future__ import annotations

from typing import Never

from codegen.lang import Field, Struct, fn, rdtsc, storage, trap_site, u32, u64
from hypervisor.cpu.trap_frame import TrapFrame
from tests.guests.console import say
from tests.guests.machine import power_off, send_nmi

NOTHING = 0xFFFF_FFFF
FIRST_INTERRUPT = 32
RFLAGS_TF = 1 << 8


class Trapped(Struct):
    """The last exception, and counters of what does not disturb."""

    vector: Field[u32]  # NOTHING when there was none
    error: Field[u64]
    rip: Field[u64]
    skip: Field[u64]  # bytes to leave out behind a fault
    interrupts: Field[u32]
    last_interrupt: Field[u32]
    tsc_of_interrupt: Field[u64]  # when its handler was reached
    single_steps: Field[u32]
    nmis: Field[u32]
    nmi_again: Field[bool]  # the handler sends the next one itself


TRAPPED = storage(Trapped)


@fn
def expect(skip: u64) -> None:
    """The next instruction of `skip` bytes may fault: the guest then goes on behind it."""
    TRAPPED.vector = NOTHING
    TRAPPED.error = 0
    TRAPPED.skip = skip


@fn
def came(vector: u32, error: u64) -> bool:
    """Whether exactly this exception came."""
    return TRAPPED.vector == vector and TRAPPED.error == error


@fn
def nothing_came() -> bool:
    return TRAPPED.vector == NOTHING


@fn(export="handle_trap")
def handle_trap(frame: TrapFrame) -> None:
    """Called by the trap entry, interrupts off."""
    vector = u32.trunc(frame.vector)
    if vector == 2:
        TRAPPED.nmis += 1
        if TRAPPED.nmi_again:
            TRAPPED.nmi_again = False
            send_nmi()
        return
    if vector >= FIRST_INTERRUPT:
        TRAPPED.tsc_of_interrupt = rdtsc()
        TRAPPED.interrupts += 1
        TRAPPED.last_interrupt = vector
        return
    TRAPPED.vector = vector
    TRAPPED.error = frame.error
    TRAPPED.rip = frame.rip
    if vector == 1:
        TRAPPED.single_steps += 1
        if TRAPPED.skip == 0:
            frame.rflags = frame.rflags & ~RFLAGS_TF
        return
    if vector == 3 or vector == 4:
        return
    if TRAPPED.skip == 0:
        say(f"FAIL unexpected exception {vector} error {frame.error} at {frame.rip}")
        power_off()
    frame.rip = frame.rip + TRAPPED.skip


@fn(export="trap", cold=True)
def trap(site: u32) -> Never:
    """A check of the language failed: the guest itself is wrong."""
    where = trap_site(site)
    say(f"FAIL trap {where.kind} at {where.file} line {where.line}")
    power_off()
