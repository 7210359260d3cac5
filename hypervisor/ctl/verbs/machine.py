"""The machine: that it is there, its clock, its processors."""

from __future__ import annotations

from codegen.lang import fn, range, rdtsc
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.ctl.answer import put
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.memory.frames import RUN, free_memory
from hypervisor.progress import Progress
from hypervisor.sched.queues import PROCESSORS, QUEUES
from hypervisor.time.clock import CLOCK, clock_at, tsc_to_ns


@verb("ping")
@fn(cold=True)
def ping(request: Request) -> Progress:
    """Says that it is there: `cpus`, and its clock, with the TSC (`tsc`, of `tsc_hz`) at which it read `ns`."""
    now = rdtsc()
    put(f',"monitor":"keelback","cpus":{PROCESSORS.count}')
    put(f',"tsc_hz":{CLOCK.tsc_hz},"tsc":{now},"ns":{clock_at(now)}')
    return Progress.DONE


@verb("cpus")
@fn(cold=True)
def list_cpus(request: Request) -> Progress:
    """Lists the processors: `cpu`, `idle_ns`, the scheduler's `decisions`, `switches` and `pulls`."""
    put(',"cpus":[')
    for cpu in range(PROCESSORS.count):
        queue = QUEUES[cpu]
        if cpu != 0:
            put(",")
        put(f'{{"cpu":{cpu},"idle_ns":{tsc_to_ns(CPUS[cpu].idle_tsc)},"decisions":{queue.decisions}')
        put(f',"switches":{queue.switches},"pulls":{queue.pulls}}}')
    put("]")
    return Progress.DONE


@verb("mem")
@fn(cold=True)
def show_memory(request: Request) -> Progress:
    """Shows the memory that is free, in bytes: `free`, of which `runs` are whole pieces of 2 MiB, for guests' RAM."""
    free, runs, _ = free_memory()
    put(f',"free":{free},"runs":{runs * RUN}')
    return Progress.DONE
