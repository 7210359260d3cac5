"""What is known of the machine's VT-d units, and of what they have in common."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, storage, u16, u32
from drivers.iommu.reported import UNITS_MAX

PATIENCE = 200_000  # polls, each of a register: some 40 ms, where a unit needs microseconds


class VtdUnit(Struct):
    """One unit."""

    base: Field[Hpa]
    segment: Field[u16]
    faults: Field[Hpa]  # its fault records
    fault_count: Field[u32]
    commands: Field[Hpa]  # its registers for invalidation
    queues: Field[bool]  # it has a queue for them instead, as all chips since 2010
    queue: Field[Hpa]
    tail: Field[u32]  # bytes
    sequence: Field[u32]  # of the last wait
    must_flush_write_buffer: Field[bool]
    drains_writes: Field[bool]
    drains_reads: Field[bool]
    on: Field[bool]  # translating
    broken: Field[bool]  # it has stopped answering: nobody waits for it again


class Vtd(Struct):
    """All units, and what they agree on."""

    unit_count: Field[u32]
    units: Array[VtdUnit] = count(UNITS_MAX)
    levels: Field[u32]  # of page tables; 0: the units have no width in common, so nothing can be mapped
    domains: Field[u32]  # domain numbers are below it
    incoherent: Field[bool]  # a unit does not snoop: what is written for it is flushed from the caches
    tell_of_new: Field[bool]  # a unit is told of new entries too: it remembers what was not there, or has a buffer


VTD = storage(Vtd)
