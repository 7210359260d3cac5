"""From processors that wait to processors that schedule."""

from __future__ import annotations

from typing import Never

from codegen.lang import Atomic, Struct, cli, fn, implements, range, sti_hlt, storage, u32
from hypervisor.cpu import processors
from hypervisor.cpu.kick import send_kick
from hypervisor.cpu.processors import processors_running
from hypervisor.sched.deadlines import deadlines_start
from hypervisor.sched.loop import schedule
from hypervisor.sched.queues import NEVER, queues_start
from hypervisor.sched.service import DEADLINES
from hypervisor.vm.start_order import STARTS


class Opening(Struct):
    """Set once."""

    opened: Atomic[u32]


OPENING = storage(Opening)


@fn(cold=True)
def scheduler_start() -> None:
    """On the first processor, when all others have joined: from here on whoever wakes may run anywhere."""
    queues_start(processors_running())
    STARTS.due = NEVER
    for cpu in range(processors_running()):
        deadlines_start(DEADLINES[cpu])
    OPENING.opened.store(u32(1))
    for cpu in range(u32(1), processors_running()):
        send_kick(cpu)


@implements(processors.processor_loop)
@fn(cold=True)
def processor_loop() -> Never:
    """Wait for the scheduler, then schedule."""
    while OPENING.opened.load() == 0:
        sti_hlt()
        cli()
    schedule()
