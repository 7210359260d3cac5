"""Interrupts are counted and acknowledged; an exception that nobody expects ends the guest."""

from __future__ import annotations

from typing import Never

from codegen.lang import Field, Hva, Struct, fn, invlpg, rdtsc, storage, trap_site, u32, u64
from hypervisor.cpu.trap_frame import TrapFrame
from tests.guests.console import say
from tests.guests.machine import power_off
from tests.guests.smp.apic import FIXED, VECTOR_SPURIOUS, end_of_interrupt, send
from tests.guests.smp.processor import COUNT, CPU, Processor
from tests.guests.smp.vectors import VECTOR_ANSWER, VECTOR_RING, VECTOR_SHOOTDOWN, VECTOR_TIMER

NMI_VECTOR = 2
FIRST_INTERRUPT = 32


class Shootdown(Struct, shared=True):
    address: Field[u64]  # the page that VECTOR_SHOOTDOWN drops


SHOOTDOWN = storage(Shootdown)


@fn(export="handle_trap")
def handle_trap(frame: TrapFrame) -> None:
    """Called by the trap entry, interrupts off."""
    own = CPU.here()
    vector = u32.trunc(frame.vector) & 0xFF
    if vector == NMI_VECTOR:
        own.nmis += 1
    elif vector >= FIRST_INTERRUPT:
        interrupt(own, vector)
    else:
        say(f"FAIL unexpected exception {vector} error {frame.error} at {frame.rip} on processor {own.index}")
        power_off()


@fn
def interrupt(own: Processor, vector: u32) -> None:
    if vector == VECTOR_SHOOTDOWN:
        invlpg(Hva(SHOOTDOWN.address))
    elif vector == VECTOR_TIMER:
        own.tsc_at_timer = rdtsc()
    own.counts[vector] += 1
    if vector == VECTOR_SPURIOUS or own.hold_eoi:
        return
    end_of_interrupt()
    if vector == VECTOR_RING and own.echo:
        send(before(own.index), u32(FIXED | VECTOR_ANSWER))


@fn
def before(index: u32) -> u32:
    """The neighbour in the ring of processors 1 and up."""
    return index - 1 if index > 1 else u32(COUNT - 1)


@fn(export="trap", cold=True)
def trap(site: u32) -> Never:
    """A check of the language failed: the guest itself is wrong."""
    where = trap_site(site)
    say(f"FAIL trap {where.kind} at {where.file} line {where.line} on processor {CPU.current.index}")
    power_off()
