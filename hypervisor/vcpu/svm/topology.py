"""The CPUID leaves of AMD's processors that describe their cores (APM vol. 3, appendix E.5)."""

from __future__ import annotations

from codegen.lang import fn, implements, u32
from hypervisor.vcpu import contract
from hypervisor.vm.cpuid_cores import core_id_bits, fill_caches, host_has_leaf
from hypervisor.vm.cpuid_table import EXTENDED_FIRST, CpuidTable, LeafKind

CACHES = 0x8000_001D
CMP_LEGACY = 1 << 1  # leaf 80000001H, ECX: the logical processors of leaf 1 are cores, not threads
TOPOLOGY_EXTENSIONS = 1 << 22  # leaf 80000001H, ECX: leaves 8000001DH and 8000001EH exist
SIZES, IDENTIFIERS = 8, 0x1E  # leaves, from 80000000H
ID_BITS_SHIFT = 12  # leaf 80000008H, ECX


@implements(contract.cpuid_fill_vendor_topology)
@fn(cold=True)
def cpuid_fill_vendor_topology(table: CpuidTable, cores: u32) -> None:
    """Number of cores (80000008H), caches (8000001DH) and, beside them, the identifiers of each core (8000001EH)."""
    features = table.extended[1]
    if cores > 1:
        features.ecx = features.ecx | CMP_LEGACY
    table.extended[SIZES].ecx = (cores - 1) | core_id_bits(cores) << ID_BITS_SHIFT
    if host_has_leaf(u32(EXTENDED_FIRST + IDENTIFIERS)) and fill_caches(table, u32(CACHES), cores, u32(0)):
        features.ecx = features.ecx | TOPOLOGY_EXTENSIONS
        table.extended[IDENTIFIERS].kind = u32(LeafKind.TOPOLOGY)
