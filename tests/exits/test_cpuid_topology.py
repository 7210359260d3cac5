from __future__ import annotations

from dataclasses import dataclass

import pytest

from codegen.lang import bind, host, storage_array, u32
from hypervisor.devices.lapic.reset import lapic_reset
from hypervisor.devices.lapic.state import LapicMode, LocalApic
from hypervisor.exits.cpuid import emulate_cpuid
from hypervisor.exits.registry import Resume
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm import topology as amd
from hypervisor.vcpu.vmx import topology as intel
from hypervisor.vm.cpuid_policy import fill_cpuid
from tests.played_guest.machine import VM, everywhere, in_cpython, new_machine, set_mode

VENDORS = {"intel": intel, "amd": amd}
SIZES = [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (64, 6)]


def cache(kind: int, level: int, sharing: int, more: int = 0) -> tuple[int, int, int, int]:
    """EAX as the SDM's leaf 4 and the APM's leaf 8000001DH have it; `sharing` processors of the host share it."""
    return kind | level << 5 | 1 << 8 | (sharing - 1) << 14 | more, 0x01C0_003F, 0x3F, 0


# 16 threads on 8 cores: pairs share what is theirs, and the host's packages are larger than any of these VMs' but one.
CACHES = [(1, 1, 2), (2, 1, 2), (3, 2, 2), (3, 3, 16)]
HOST_ID = 0x2A


def new_host(vendor: str) -> None:
    """A processor with two threads a core, and an APIC ID that no guest may see."""
    leaves = host.cpu.cpuid_leaves
    leaves[(1, 0)] = (0x0080_0F12, HOST_ID << 24 | 16 << 16 | 8 << 8, 1 << 26, 1 << 28 | 1 << 9)
    for leaf, level in ((0xB, 0), (0xB, 1), (0x1F, 0), (0x1F, 1)):
        leaves[(leaf, level)] = (1 + 3 * level, 2 + 14 * level, (level + 1) << 8 | level, HOST_ID)
    if vendor == "intel":
        leaves[(0, 0)] = (0x20, 0, 0, 0)
        leaves[(0x8000_0000, 0)] = (0x8000_0008, 0, 0, 0)
        leaves[(0x8000_0008, 0)] = (0x3027, 0, 0, 0)
    else:
        leaves[(0, 0)] = (0x10, 0, 0, 0)
        leaves[(0x8000_0000, 0)] = (0x8000_0020, 0, 0, 0)
        leaves[(0x8000_0001, 0)] = (0, 0, 1 << 22 | 2, 0)
        leaves[(0x8000_0008, 0)] = (0x3030, 0, 4 << 12 | 15, 0)
        leaves[(0x8000_001E, 0)] = (HOST_ID, 1 << 8 | 21, 1 << 8, 0)
    leaves[(4 if vendor == "intel" else 0x8000_001D, len(CACHES))] = (0, 0, 0, 0)
    for i, numbers in enumerate(CACHES):
        leaves[(4 if vendor == "intel" else 0x8000_001D, i)] = cache(*numbers, more=7 << 26 if vendor == "intel" else 0)


@dataclass
class Package:
    """A VM's vCPUs, asked one by one."""

    vcpu: object
    run: object = in_cpython

    def ask(self, index: int, leaf: int, subleaf: int = 0) -> tuple[int, int, int, int]:
        self.vcpu.index = index
        self.vcpu.regs.rax, self.vcpu.regs.rcx = leaf, subleaf
        assert self.run(emulate_cpuid, self.vcpu) == Resume.NEXT_INSTRUCTION
        regs = self.vcpu.regs
        return int(regs.rax), int(regs.rbx), int(regs.rcx), int(regs.rdx)


def package(vendor: str, vcpus: int, run=in_cpython) -> Package:
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x1000)
    vcpu.lapic.mode = LapicMode.XAPIC
    new_host(vendor)
    VM.cpuid.zero()
    VM.vcpu_count = vcpus
    bind(contract.cpuid_fill_vendor_topology, VENDORS[vendor].cpuid_fill_vendor_topology)
    fill_cpuid(VM.cpuid, True, u32(vcpus))
    return Package(vcpu, run)


@pytest.fixture(autouse=True)
def amd_v_again():
    yield
    bind(contract.cpuid_fill_vendor_topology, amd.cpuid_fill_vendor_topology)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("vcpus", "bits"), SIZES)
def test_every_leaf_agrees_on_one_package_of_single_threads(vendor, vcpus, bits):
    guest = package(vendor, vcpus)
    for index in {0, 1 % vcpus, vcpus - 1}:
        _eax, ebx, _ecx, edx = guest.ask(index, 1)
        assert (ebx >> 24, ebx >> 16 & 0xFF, ebx >> 8 & 0xFF) == (index, vcpus, 8)
        assert bool(edx & 1 << 28) == (vcpus > 1)
        for leaf in (0xB, 0x1F) if vendor == "intel" else (0xB,):
            assert guest.ask(index, leaf, 0) == (0, 1, 1 << 8, index)
            assert guest.ask(index, leaf, 1) == (bits, vcpus, 2 << 8 | 1, index)
            assert guest.ask(index, leaf, 2) == (0, 0, 2, index)


@pytest.mark.parametrize(("vcpus", "bits"), SIZES)
def test_amd_leaves_have_the_same_cores(vcpus, bits):
    guest = package("amd", vcpus)
    for index in {0, vcpus - 1}:
        ecx = guest.ask(index, 0x8000_0001)[2]
        assert ecx & 1 << 22 and bool(ecx & 2) == (vcpus > 1)
        assert guest.ask(index, 0x8000_0008) == (0x3030, 0, bits << 12 | vcpus - 1, 0)
        assert guest.ask(index, 0x8000_001E) == (index, index, 0, 0)
        assert guest.ask(index, 4) == (0, 0, 0, 0)


@pytest.mark.parametrize("vcpus", [1, 3, 64])
def test_intel_leaves_have_no_amd_ones_beside_them(vcpus):
    guest = package("intel", vcpus)
    assert guest.ask(0, 0x8000_0001)[2] & (1 << 22 | 2) == 0
    assert guest.ask(0, 0x8000_0008) == (0x3027, 0, 0, 0)
    assert guest.ask(0, 0x8000_001D) == guest.ask(0, 0x8000_001E) == (0, 0, 0, 0)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("vcpus", [1, 3, 64])
def test_only_the_last_level_cache_is_shared(vendor, vcpus):
    guest = package(vendor, vcpus)
    leaf, cores = (4, (vcpus - 1) << 26) if vendor == "intel" else (0x8000_001D, 0)
    for i, (kind, level, _sharing) in enumerate(CACHES):
        assert guest.ask(vcpus - 1, leaf, i) == cache(kind, level, vcpus if level == 3 else 1, cores)
    assert guest.ask(0, leaf, len(CACHES)) == (0, 0, 0, 0)


@everywhere
@pytest.mark.parametrize("vcpus", [1, 4])
def test_cpuid_says_the_local_apics_id(run, vcpus):
    guest = package("amd", vcpus, run)
    apics = storage_array(LocalApic, vcpus)
    for index in range(vcpus):
        lapic_reset(apics[index], u32(index), index == 0)
        identifier = int(apics[index].apic_id)
        assert (
            guest.ask(index, 1)[1] >> 24 == guest.ask(index, 0xB)[3] == guest.ask(index, 0x8000_001E)[0] == identifier
        )


def test_without_the_hosts_cache_leaf_there_are_no_topology_extensions():
    vcpu = new_machine()
    new_host("amd")
    host.cpu.cpuid_leaves[(0x8000_0000, 0)] = (0x8000_001A, 0, 0, 0)
    VM.cpuid.zero()
    fill_cpuid(VM.cpuid, True, u32(2))
    guest = Package(vcpu)
    assert guest.ask(0, 0x8000_0001)[2] & 1 << 22 == 0
    assert guest.ask(0, 0x8000_0008)[2] == 1 << 12 | 1
    assert guest.ask(0, 0x8000_001E) == (0, 0, 0, 0)
