"""Which processor has forgotten what a VM's second-level tables no longer say.

Processors cache translations. After a change that takes away or narrows one, the tables get a new generation; each
processor keeps up to which generation it has forgotten. A translation that is new, or has more rights than before,
needs none: none was cached, or the narrower one raises a violation first (SDM vol. 3C, 29.4.3.4; APM vol. 2, 15.16).

Generations never start over, so a new VM in an old place, with an old root frame, is met by no processor as known.
"""

from __future__ import annotations

from codegen.lang import Array, Atomic, Struct, count, fn, u32, u64
from hypervisor.cpu.per_cpu import CPUS_MAX


class Forgotten(Struct):
    """Of one processor."""

    generation: Atomic[u64]  # all that was stale when the tables got it is gone from the processor


class Translations(Struct):
    """Of the second-level tables of one VM."""

    generation: Atomic[u64]
    settled: Atomic[u64]  # no processor can use what was stale when the tables got this generation
    processors: Array[Forgotten] = count(CPUS_MAX)


@fn(cold=True)
def translations_start(tables: Translations) -> None:
    """For new tables. What a processor knows of an earlier VM, whose root may have been the same frame, is stale."""
    settle(tables, narrow(tables))


@fn
def narrow(tables: Translations) -> u64:
    """After a change of the tables that takes away: their new generation."""
    return tables.generation.fetch_add(1).wrapping_add(1)


@fn
def settle(tables: Translations, generation: u64) -> None:
    """Every processor has forgotten up to `generation`, or will before it enters a guest on these tables again."""
    if tables.settled.load() < generation:
        tables.settled.store(generation)


@fn
def has_forgotten(tables: Translations, cpu: u32, generation: u64) -> bool:
    """Whether processor `cpu` uses nothing that was stale at `generation`."""
    return tables.processors[cpu].generation.load() >= generation


@fn
def may_enter(tables: Translations, cpu: u32) -> bool:
    """The rule that a debug image asserts at every entry: nobody may rely on a flush that this processor still owes."""
    return has_forgotten(tables, cpu, tables.settled.load())
