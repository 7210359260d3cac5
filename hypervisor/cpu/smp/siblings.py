"""Hyperthreads: one thread of each core runs, its siblings rest.

Threads of a core share buffers, caches and predictors: one of them sees what a guest leaves on the other, and no flush
at an entry or exit helps there. The mitigations' table says so as SIBLING_THREAD.
"""

from __future__ import annotations

from codegen.lang import cpuid, fn, range, u32
from hypervisor.cpu.features import CPUID_EXTENDED_FEATURES, FEATURES, has_bit
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.cpu.processors import processors_running

CPUID_TOPOLOGY = 0xB
THREADS = 1  # the level type of subleaf 0, if there are such
CPUID_AMD_TOPOLOGY = 0x8000_001E
TOPOLOGY_EXTENSIONS = 22  # bit of CPUID 80000001H, ECX


@fn(cold=True)
def thread_bits() -> u32:
    """How many low bits of an APIC ID tell the threads of one core apart (SDM vol. 3A, 9.9.3; APM vol. 3, E.4.17)."""
    if FEATURES.highest_leaf >= CPUID_TOPOLOGY:
        shift, processors, level, _ = cpuid(u32(CPUID_TOPOLOGY), u32(0))
        if processors & 0xFFFF != 0 and (level >> 8) & 0xFF == THREADS:
            return shift & 0x1F
    if FEATURES.highest_extended >= CPUID_AMD_TOPOLOGY:
        _, _, features, _ = cpuid(u32(CPUID_EXTENDED_FEATURES), u32(0))
        if has_bit(features, u32(TOPOLOGY_EXTENSIONS)):
            _, threads, _, _ = cpuid(u32(CPUID_AMD_TOPOLOGY), u32(0))
            return u32(32) - ((threads >> 8) & 0xFF).leading_zeros()  # bits 15:8 are one less than there are
    return u32(0)


@fn(cold=True)
def is_sibling(apic_id: u32) -> bool:
    """Whether another thread of its core runs already."""
    shift = thread_bits()
    for i in range(processors_running()):
        if CPUS[i].apic_id >> shift == apic_id >> shift:
            return True
    return False
