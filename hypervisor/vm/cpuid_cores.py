"""How CPUID describes the cores and caches of a VM's one package: one thread a core, as many cores as vCPUs.

Nothing of the host's own topology passes. Of its caches, those of level 1 and 2 belong to one core here and the others
to the package, whoever shares them on the host.
"""

from __future__ import annotations

from codegen.lang import cpuid, fn, u32
from hypervisor.vm.cpuid_table import CpuidTable, LeafKind

CACHE_SUBLEAVES_MAX = 8
CACHE_TYPE = 0x1F  # 0: no more caches
CACHE_SHAPE = 0x3FF  # type, level, self-initializing, fully associative
CACHE_LEVEL_SHIFT, CACHE_LEVEL = 5, 7
CACHE_SHARING_SHIFT = 14  # processors that share it, less one
PACKAGE_LEVEL = 3  # from this level on the whole package shares a cache


@fn
def core_id_bits(cores: u32) -> u32:
    """Bits of the APIC ID that number the cores of a package."""
    return u32(32) - (cores - 1).leading_zeros() if cores > 1 else u32(0)


@fn
def host_has_leaf(leaf: u32) -> bool:
    """Whether this processor answers `leaf` (the highest leaf of its range says so)."""
    highest, _ebx, _ecx, _edx = cpuid(leaf & 0x8000_0000, u32(0))
    return leaf <= highest


@fn(cold=True)
def fill_caches(table: CpuidTable, leaf: u32, cores: u32, more_eax: u32) -> bool:
    """Cache parameters: leaf 4 (SDM vol. 2A) or 8000001DH (APM vol. 3), whose EAX gets `more_eax`, too. Whether the
    host has any."""
    if not host_has_leaf(leaf):
        return False
    i = u32(0)
    while i < CACHE_SUBLEAVES_MAX:
        eax, ebx, ecx, edx = cpuid(leaf, i)
        if eax & CACHE_TYPE == 0:
            break
        sharing = cores - 1 if eax >> CACHE_LEVEL_SHIFT & CACHE_LEVEL >= PACKAGE_LEVEL else u32(0)
        answer = table.add_subleaf(leaf, i)
        answer.eax = eax & CACHE_SHAPE | sharing << CACHE_SHARING_SHIFT | more_eax
        answer.ebx = ebx
        answer.ecx = ecx
        answer.edx = edx
        i = i + 1
    if i == 0:
        return False
    table.find(leaf).kind = u32(LeafKind.SUBLEAVES)
    return True
