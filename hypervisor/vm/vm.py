"""A virtual machine: its identity, its memory and its board. Its vCPUs lie in the pool of `hypervisor/vcpu/pool.py`."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Hpa, HwEnum, Struct, bit, count, u8, u32, u64
from hypervisor.devices.board import Board
from hypervisor.memory.guest import GuestMemory

NAME_MAX = 32
VMS_MAX = 16


class VmState(HwEnum, repr=u32):
    """The life of a VM."""

    ABSENT = 0
    READY = 1  # built, not started
    RUNNING = 2
    RESETTING = 3  # asked for by the guest: rebuilt from its files at the next turn
    STOPPED = 4


class StopReason(HwEnum, repr=u32):
    """Why a VM stopped; the log says it in words."""

    NONE = 0
    POWER_OFF = 1
    TRIPLE_FAULT = 2
    CRASHED = 3  # an exit that nothing can answer, with a dump in the log
    ENTRY_FAILED = 4
    OUTSIDE_MEMORY = 5  # ran off its memory


class VmFlags(BitStruct, repr=u32):
    """What the configuration chose."""

    kvm_signature: bool = bit(0)


class Vm(Struct, align=64):
    """One virtual machine."""

    id: Field[u32]
    state: Field[VmState]
    stop_reason: Field[StopReason]
    flags: Field[VmFlags]
    name: Array[u8] = count(NAME_MAX)  # NUL-padded
    vcpu_first: Field[u32]  # index into the pool of vCPUs
    vcpu_count: Field[u32]
    memory: GuestMemory
    second_level_root: Field[Hpa]  # EPT PML4 or nested page table root
    second_level_frames: Field[u64]  # frames in those tables, for the books
    board: Board
    clock_base: Field[u64]  # host TSC at which this VM's clock read 0
