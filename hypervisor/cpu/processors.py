"""Who runs the monitor: processors 0 to `processors_running() - 1`, each with its CPUS[n]; 0 is the one that booted."""

# pyright: reportReturnType=false
# (a contract has no body)

from __future__ import annotations

from typing import Never

from codegen.lang import Atomic, Struct, contract, fn, storage, u32


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


@contract
def processor_loop() -> Never:
    """What every processor but the first does for ever once it runs: called on its own stack, interrupts off."""
