from __future__ import annotations

import pytest

from codegen.lang import host, u32
from hypervisor.cpu.features import features_start
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.cpu.processors import processor_joins
from hypervisor.cpu.smp.siblings import is_sibling, thread_bits

# By CPUID 0BH (EAX, EBX, ECX) and 8000001EH (EBX): what Intel and AMD manuals show of such machines.
TOPOLOGIES = {
    "Intel, two threads": ((1, 2, 0x100), None, 1),
    "Intel, four threads": ((2, 4, 0x100), None, 2),
    "Intel, hyperthreading off": ((0, 1, 0x100), None, 0),
    "a leaf that only has cores": ((3, 8, 0x201), None, 0),
    "a leaf that says nothing": ((5, 0, 0x100), None, 0),
    "Zen 1, two threads": (None, 0x100, 1),
    "Zen 1, SMT off": (None, 0, 0),
    "Zen 3, both leaves": ((1, 2, 0x100), 0x100, 1),
    "neither": (None, None, 0),
}


def install(topology: tuple[int, int, int] | None, amd: int | None) -> None:
    leaves = {(0, 0): (0xB if topology else 7, 0, 0, 0), (0x8000_0000, 0): (0x8000_001E, 0, 0, 0)}
    leaves[(0x8000_0001, 0)] = (0, 0, 0 if amd is None else 1 << 22, 0)
    leaves[(0x8000_001E, 0)] = (0, amd or 0, 0, 0)
    leaves[(0xB, 0)] = (*(topology or (0, 0, 0)), 0)
    host.cpu.cpuid_leaves.update(leaves)
    features_start()


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_the_threads_of_a_core_are_told_by_the_low_bits(name: str) -> None:
    topology, amd, bits = TOPOLOGIES[name]
    install(topology, amd)
    assert int(thread_bits()) == bits


@pytest.mark.parametrize("threads", [1, 2])
def test_a_processor_is_a_sibling_if_its_core_runs(threads: int) -> None:
    install((threads - 1, threads, 0x100), None)
    CPUS[0].apic_id = 4
    CPUS[1].apic_id = 6
    processor_joins()
    siblings = [apic_id for apic_id in range(10) if is_sibling(u32(apic_id))]
    assert siblings == ([4, 6] if threads == 1 else [4, 5, 6, 7])
