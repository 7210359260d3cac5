"""How much of the processors somebody has had, asked while it runs."""

from __future__ import annotations

from codegen.lang import fn, u64
from hypervisor.sched.entity import Entity
from hypervisor.sched.queues import QUEUES


@fn(cold=True)
def time_used(entity: Entity, now: u64) -> u64:
    """ns of processor time up to `now`, that of a turn which goes on counted. Takes the lock of its queue."""
    while True:
        cpu = entity.cpu
        queue = QUEUES[cpu]
        with queue.lock:
            if entity.cpu == cpu:
                goes_on = entity is queue.current
                return entity.ran + (now.saturating_sub(queue.since) if goes_on else u64(0))
