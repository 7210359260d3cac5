"""All vCPUs of the machine, in one array; a VM's are consecutive."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, range, storage, storage_array, u32, u64
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import Vm

VCPUS_MAX = 64


class Pool(Struct):
    """Which places of the array are in use."""

    taken: Field[u64]  # bit n: number n


POOL = storage(Pool)
VCPUS = storage_array(Vcpu, VCPUS_MAX)


@fn(cold=True)
def take_vcpus(wanted: u32) -> u32 | None:
    """The first of so many (1 to VCPUS_MAX) free places in a row."""
    for first in range(u32(VCPUS_MAX) + 1 - wanted):
        mask = row_of(first, wanted)
        if POOL.taken & mask == 0:
            POOL.taken = POOL.taken | mask
            return first
    return None


@fn(cold=True)
def give_back_vcpus(first: u32, count: u32) -> None:
    """Nobody refers to them any more."""
    POOL.taken = POOL.taken & ~row_of(first, count)


@fn
def row_of(first: u32, count: u32) -> u64:
    """As a mask; `count` is 1 to VCPUS_MAX."""
    return ~u64(0) >> (VCPUS_MAX - count) << first


@fn
def is_vcpu(number: u32) -> bool:
    """Whether this place of the pool is in use."""
    return POOL.taken >> number & 1 != 0


@fn
def vcpu_of(vm: Vm, index: u32) -> Vcpu:
    """vCPU `index` of `vm`, below `vm.vcpu_count`."""
    assert index < vm.vcpu_count
    return VCPUS[vm.vcpu_first + index]
