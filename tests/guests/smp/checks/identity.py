"""Each processor is another one."""

from __future__ import annotations

from codegen.lang import cpuid, fn, range, u32, u64
from tests.guests.check import check, checks_of
from tests.guests.smp.apic import ID, read_apic
from tests.guests.smp.processor import COUNT, Processor
from tests.guests.smp.task import result, task


@task
@fn
def own_ids(own: Processor, argument: u64) -> u64:
    """CPUID's initial APIC ID, and the local APIC's above it."""
    _, ebx, _, _ = cpuid(u32(1), u32(0))
    return u64(read_apic(u32(ID)) >> 24) << 8 | u64(ebx >> 24)


@check
@fn
def each_processor_has_its_own_apic_id_in_cpuid_too() -> bool:
    _, ebx, _, _ = cpuid(u32(1), u32(0))
    same = ebx >> 24 == 0 and read_apic(u32(ID)) == 0
    for i in range(u32(1), u32(COUNT)):
        answer = result(i, u32(own_ids.number), u64(0))
        if answer is None:
            return False
        same = same and answer == u64(i) << 8 | u64(i)
    return same


CHECKS = checks_of(globals())
