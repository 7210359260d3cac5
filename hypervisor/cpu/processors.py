"""Who runs the monitor: processors 0 to `processors_running() - 1`, each with its CPUS[n]; 0 is the one that booted."""

from __future__ import annotations

from codegen.lang import Atomic, Struct, fn, storage, u32


class Running(Struct):
    """Grows while processors are started, one after the other; none ever leaves."""

    others: Atomic[u32]


RUNNING = storage(Running)


@fn
def processors_running() -> u32:
    """At least 1, at most CPUS_MAX."""
    return RUNNING.others.load() + 1


@fn(cold=True)
def processor_joins() -> None:
    """CPUS[processors_running()] is complete: its processor takes interrupts from now on."""
    RUNNING.others.fetch_add(1)
