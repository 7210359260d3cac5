"""Where every trap of the host arrives: interrupts go on, NMIs are counted, machine checks judged; the rest panics."""

from __future__ import annotations

from typing import Never

from codegen.lang import fn, trap_site, u32
from hypervisor.cpu.interrupts import FIRST_INTERRUPT, dispatch_interrupt
from hypervisor.cpu.machine_check_report import handle_machine_check
from hypervisor.cpu.panic import panic, panic_at, stop
from hypervisor.cpu.per_cpu import CPU, STOP_ASKED, STOP_DONE
from hypervisor.cpu.trap_frame import TrapFrame
from hypervisor.vcpu.event import Vector


@fn(export="handle_trap")
def handle_trap(frame: TrapFrame) -> None:
    """Called by the trap entry, interrupts off."""
    vector = u32.trunc(frame.vector)
    if vector >= FIRST_INTERRUPT:
        dispatch_interrupt(vector)
    elif vector == u32(Vector.NMI):
        handle_nmi()
    elif vector == u32(Vector.MC):
        handle_machine_check(frame)
    else:
        panic_at(frame)


@fn
def handle_nmi() -> None:
    """An NMI may come between any two instructions: atomics only. A processor that panics stops the others so."""
    own = CPU.here()
    own.nmis.fetch_add(1)
    if own.stop.load() & STOP_ASKED != 0:
        own.stop.fetch_or(STOP_DONE)
        stop()


@fn(export="trap", cold=True)
def failed_check(site: u32) -> Never:
    """A check of the language failed: an overflow, an index, an assertion."""
    where = trap_site(site)
    panic(f"{where.kind} at {where.file}:{where.line}")
