"""A virtual machine: its identity, its memory and its board. Its vCPUs lie in the pool of `hypervisor/vcpu/pool.py`."""

from __future__ import annotations

from codegen.lang import (
    Array,
    Atomic,
    BitStruct,
    Field,
    Hpa,
    HwEnum,
    Span,
    Struct,
    bit,
    count,
    fn,
    span_of,
    storage,
    storage_array,
    u8,
    u32,
    u64,
    usize,
)
from hypervisor.config.manifest import DISKS_MAX, RESTARTS_MAX, DiskSource
from hypervisor.cpu.spin_lock import SpinLock
from hypervisor.devices.board import Board
from hypervisor.memory.guest import GuestMemory
from hypervisor.memory.translations import Translations
from hypervisor.vm.cpuid_table import CpuidTable

NAME_MAX = 32
VMS_MAX = 16


class VmState(HwEnum, repr=u32):
    """The life of a VM: docs/lifecycle.md."""

    ABSENT = 0  # in the configuration, and nothing of it in the machine
    READY = 1  # made, not started
    RUNNING = 2
    PAUSED = 3
    STOPPED = 4
    LEAVING = 5  # being destroyed


class StopReason(HwEnum, repr=u32):
    """Why a VM stopped; the log says it in words."""

    NONE = 0
    POWER_OFF = 1
    TRIPLE_FAULT = 2
    CRASHED = 3  # an exit that nothing can answer, with a dump in the log
    ENTRY_FAILED = 4
    OUTSIDE_MEMORY = 5  # ran off its memory
    HALTED = 6  # every vCPU halted with interrupts off: nothing can wake it
    REBOOT = 7  # a reset that `on_reboot` does not allow
    KILLED = 8


class Sweep(HwEnum, repr=u32):
    """What an order does to the VM's RAM, one piece in each turn."""

    NONE = 0
    CLEAR = 1
    RELEASE = 2


class Restarts(Struct):
    """When a VM was restarted by policy."""

    done: Field[u64]
    moments: Array[u64] = count(RESTARTS_MAX)  # ns; a ring of as many as the limit is


class VmDisk(Struct):
    """A disk in RAM, where `runs` is 0 when it is a file of the archive itself; or on a disk of the machine."""

    source: Field[DiskSource]
    machine_disk: Field[u32]  # number in DISKS,
    first_sector: Field[u64]  # and what of it, in units of SECTOR bytes
    sectors: Field[u64]
    read_only: Field[bool]
    bounce: Field[Hpa]  # the device's bounce buffer there
    memory: Field[Hpa]
    runs: Field[u64]
    size: Field[u64]  # bytes
    file: Field[u32]  # of the archive, or NO_FILE: what it holds at the beginning


class VmFlags(BitStruct, repr=u32):
    """What the configuration chose."""

    kvm_signature: bool = bit(0)


class VmName(Struct):
    """The VM's name in the configuration, NUL-padded."""

    length: Field[u32]  # bytes
    bytes: Array[u8] = count(NAME_MAX)

    @fn
    def text(self) -> Span:
        """The name without its padding."""
        return span_of(self).slice(usize(VmName.bytes.offset), usize(self.length))


class Vm(Struct, align=64):
    """One virtual machine."""

    id: Field[u32]
    incarnation: Field[u64]  # no other VM has or had the same; the place in VMS may be used again
    state: Field[VmState]
    stop_reason: Field[StopReason]
    flags: Field[VmFlags]
    name: VmName
    vcpu_first: Field[u32]  # index into the pool of vCPUs
    vcpu_count: Field[u32]
    order: Atomic[u64]  # VmOrder: what is to be done to the whole VM
    asked: Atomic[u64]  # VmOrder: what the guest asked for while another order waited
    hopeless: Atomic[u64]  # bit n: vCPU n sleeps, and only another vCPU can wake it
    memory_size: Field[u64]  # bytes of RAM
    manifest_index: Field[u32]
    memory: GuestMemory
    disk_count: Field[u32]
    disks: Array[VmDisk] = count(DISKS_MAX)
    disk_server: Atomic[u32]  # the vCPU that has served the devices last
    disks_filled: Field[bool]  # a guest has seen them: they outlast its resets
    second_level_lock: SpinLock  # for changes of the tables below once a vCPU has run
    second_level_root: Field[Hpa]  # EPT PML4 or nested page table root
    second_level_frames: Field[u64]  # frames in those tables, for the books
    translations: Translations  # what processors have cached of them
    board_lock: SpinLock  # for the board and all its chips, and for `board_moment`
    board: Board
    board_moment: Field[u64]  # the latest moment that its chips were told of, ns of the VM's clock
    cpuid: CpuidTable
    log_budget: Atomic[u32]  # lines that guest acts may still cause in this second
    clock_base: Field[u64]  # host TSC at which this VM's clock read 0
    sweep: Field[Sweep]  # of the order that is being carried out
    swept: Field[u64]  # bytes of RAM that it has done
    restarts: Restarts
    start_at: Field[u64]  # host TSC at which a READY VM is to start by itself, 0 for never

    @fn
    def name_span(self) -> Span:
        """The name's bytes, without the padding."""
        return self.name.text()


class Departed(Struct):
    """Bit n: VM n has given its RAM back, and its vCPUs run no more."""

    vms: Atomic[u32]


class Made(Struct):
    """How many VMs were made since boot."""

    vms: Field[u64]


VMS = storage_array(Vm, VMS_MAX)
DEPARTED = storage(Departed)
MADE = storage(Made)


@fn
def may_log(vm: Vm) -> bool:
    """Whether an act of this guest may still cause a log line: a budget per second, so that no guest floods the log."""
    left = vm.log_budget.load()
    return left != 0 and vm.log_budget.compare_exchange(left, left - 1)
