"""A VT-x machine under CPython: the capability MSRs of a Skylake server as Bochs shows them, and a vCPU on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from codegen.lang import Hpa, bind, host, storage, u32
from hypervisor.cpu.per_cpu import CPUS, per_cpu_start
from hypervisor.vcpu.contract import Capability
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx.create import vcpu_create
from hypervisor.vcpu.vmx.enable import vendor_enable_cpu
from hypervisor.vcpu.vmx.entry import vmx_enter
from hypervisor.vcpu.vmx.model import PROCESSOR, VmxProcessor
from hypervisor.vm.vm import Vm
from tests.played_guest.back_end import back_end

VM = storage(Vm)

SKYLAKE = {
    0x3A: 5,
    0x10: 0,
    0x174: 0,
    0x175: 0,
    0x176: 0,
    0x1D9: 0,
    0x277: 0x0007_0406_0007_0406,
    0x480: 0x00DA_0400_0000_002B,
    0x481: 0x0000_007F_0000_0016,
    0x482: 0xFFF9_FFFE_0401_E172,
    0x483: 0x007F_FFFF_0003_6DFF,
    0x484: 0x0001_F7FF_0000_11FF,
    0x485: 0x6004_01E0,
    0x486: 0x8000_0021,
    0x487: 0xFFFF_FFFF,
    0x488: 0x2000,
    0x489: 0x0077_27FF,
    0x48B: 0x0217_7FFF_0000_0000,
    0x48C: 0x0F01_0633_4141,
    0x48D: 0x0000_007F_0000_0016,
    0x48E: 0xFFF9_FFFE_0400_6172,
    0x48F: 0x007F_FFFF_0003_6DFB,
    0x490: 0x0001_F7FF_0000_11FB,
    0xC000_0080: 0xD01,
    0xC000_0081: 0,
    0xC000_0082: 0,
    0xC000_0083: 0,
    0xC000_0084: 0,
    0xC000_0100: 0,
    0xC000_0101: 0,
    0xC000_0102: 0,
}

CPUID = {
    (1, 0): (0x0005_0654, 0, 1 << 5 | 1 << 26, 0),
    (0x8000_0001, 0): (0, 0, 0, 1 << 20),
    (0x8000_0008, 0): (0x3028, 0, 0, 0),
}


@dataclass
class Machine:
    """The processor's model, and the frame that VMXON gets."""

    processor: VmxProcessor
    host_area: Hpa


@pytest.fixture(autouse=True)
def contract_of_vt_x() -> Iterator[None]:
    with back_end("hypervisor.vcpu.vmx"):
        yield


@pytest.fixture
def machine() -> Machine:
    host.reset()
    PROCESSOR.reset()
    bind(vmx_enter, None)
    host.cpu.msrs.update(SKYLAKE)
    host.cpu.cpuid_leaves.update(CPUID)
    host.cpu.segments.update(cs=0x08, ss=0x10, tr=0x28)
    host.cpu.cr3 = 0x10_0000
    per_cpu_start(u32(0))
    assert CPUS[0].index == 0
    return Machine(PROCESSOR, host.memory.allocate(4096))


def new_vcpu(index: int) -> Vcpu:
    """vCPU `index` of VM 0, created on the model."""
    vcpu = VCPUS[index]
    vcpu.vm = VM
    vcpu.index = index
    vcpu.deadline = 1 << 31
    vcpu_create(vcpu, host.memory.allocate(4 * 4096), host.memory.allocate(4096))
    return vcpu


@pytest.fixture
def vcpu(machine: Machine) -> Vcpu:
    assert vendor_enable_cpu(machine.host_area) == Capability.PRESENT
    return new_vcpu(0)
