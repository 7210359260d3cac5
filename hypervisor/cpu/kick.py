"""The kick: an interrupt that makes another processor look at what was left for it."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.interrupt.lapic_ipi import send_interrupt
from hypervisor.cpu.interrupts import VECTOR_KICK
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.trace.events import EventKind
from hypervisor.trace.record import trace_processor


@fn
def send_kick(cpu: u32) -> None:
    """Interrupt processor `cpu`, which runs; what was stored before is visible to its handler."""
    trace_processor(EventKind.KICK, cpu)
    # A local APIC that accepts nothing for tens of milliseconds is broken: the machine cannot go on.
    assert send_interrupt(CPUS[cpu].apic_id, u8(VECTOR_KICK))


@fn
def send_kicks(mask: u64) -> None:
    """The same to every processor of a mask (bit n: processor n)."""
    rest = mask
    while rest != 0:
        send_kick(u32(rest.trailing_zeros()))
        rest = rest & (rest - 1)
