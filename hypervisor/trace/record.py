"""Where events happen: `trace(kind, vcpu, value)`, which is one comparison while nobody traces.

Exits and entries have not even that: a vCPU that is traced runs in a loop of its own (hypervisor/vcpu/traced.py).
"""

from __future__ import annotations

from codegen.lang import Atomic, Struct, fn, rdtsc, storage, u16, u32, u64
from hypervisor.cpu.per_cpu import CPU
from hypervisor.trace.events import NO_VCPU, EventKind, EventWord
from hypervisor.trace.ring import RINGS, ring_write


class TraceSwitch(Struct):
    """1 while events are written, else 0."""

    on: Atomic[u32]


TRACE = storage(TraceSwitch)


@fn(inline=True)
def tracing() -> bool:
    """Whether anybody wants to know."""
    return TRACE.on.load() != 0


@fn(inline=True)
def trace(kind: EventKind, vcpu: u32, value: u32) -> None:
    """An event on this processor; `vcpu` is a place in the pool. Not for NMI and machine-check handlers, which come
    between any two instructions, also of the writing of another event."""
    if tracing():
        write_event(kind, vcpu, value)


@fn(inline=True)
def trace_processor(kind: EventKind, value: u32) -> None:
    """The same for what concerns no vCPU."""
    if tracing():
        write_event(kind, u32(NO_VCPU), value)


@fn(noinline=True, cold=True)
def write_event(kind: EventKind, vcpu: u32, value: u32) -> None:
    """With the time of now."""
    word = EventWord(kind=kind, vcpu=u16.trunc(vcpu), value=value)
    ring_write(RINGS[CPU.current.index], rdtsc(), u64(word))
