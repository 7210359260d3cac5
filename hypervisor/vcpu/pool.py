"""All vCPUs of the machine, in one array; a VM's are consecutive."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, storage, storage_array, u32
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import Vm

VCPUS_MAX = 64


class Pool(Struct):
    """How much of the array is in use."""

    used: Field[u32]


POOL = storage(Pool)
VCPUS = storage_array(Vcpu, VCPUS_MAX)


@fn
def vcpu_of(vm: Vm, index: u32) -> Vcpu:
    """vCPU `index` of `vm`, below `vm.vcpu_count`."""
    assert index < vm.vcpu_count
    return VCPUS[vm.vcpu_first + index]
