"""Switching the trace on and off."""

from __future__ import annotations

from codegen.lang import fn, phys, range, u8, u32, u64
from hypervisor.cpu.kick import send_kick
from hypervisor.cpu.per_cpu import CPU
from hypervisor.memory.frames import allocate_frames
from hypervisor.memory.owner import Owner
from hypervisor.sched.queues import PROCESSORS
from hypervisor.trace.record import TRACE
from hypervisor.trace.ring import RING_EVENTS, RING_FRAMES, RINGS, TraceEvents, ring_forget, ring_start


@fn(cold=True)
def trace_on() -> bool:
    """From now on events are written; older ones are forgotten. False when no memory is left for the rings, which are
    taken once and kept."""
    for cpu in range(PROCESSORS.count):
        ring = RINGS[cpu]
        if ring.events is None:
            place = allocate_frames(u32(RING_FRAMES), u8(Owner.MONITOR))
            if place is None:
                return False
            ring_start(ring, phys(TraceEvents, place), u64(RING_EVENTS))
        ring_forget(ring)
    TRACE.on.store(1)
    # Running vCPUs change to the loop that writes entries and exits.
    for cpu in range(PROCESSORS.count):
        if cpu != CPU.current.index:
            send_kick(cpu)
    return True


@fn(cold=True)
def trace_off() -> None:
    """No more events; what the rings hold can still be taken."""
    TRACE.on.store(0)
