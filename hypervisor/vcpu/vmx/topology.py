"""The CPUID leaves of Intel's processors that describe their cores."""

from __future__ import annotations

from codegen.lang import fn, implements, u32
from hypervisor.vcpu import contract
from hypervisor.vm.cpuid_cores import fill_caches
from hypervisor.vm.cpuid_table import CpuidTable

CACHES = 4
CORES_SHIFT = 26  # leaf 4, EAX: core IDs in the package, less one (SDM vol. 2A, table 3-8)


@implements(contract.cpuid_fill_vendor_topology)
@fn(cold=True)
def cpuid_fill_vendor_topology(table: CpuidTable, cores: u32) -> None:
    """Leaf 4: caches and cores."""
    fill_caches(table, u32(CACHES), cores, (cores - 1) << CORES_SHIFT)
