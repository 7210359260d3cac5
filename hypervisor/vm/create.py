"""Make a VM of the manifest: RAM, second-level tables, vCPUs. At start-up, and later while others run."""

from __future__ import annotations

from codegen.lang import Gpa, address_of, fn, min, phys, range, u32, u64
from hypervisor.config.manifest import NAME_BYTES, ManifestVm
from hypervisor.console.guests import console_add_guest
from hypervisor.console.log import log
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.cpu.xstate import XSTATE, XsaveArea
from hypervisor.dma.withdraw import dma_admit, dma_withdraw
from hypervisor.memory.frames import allocate_frames, return_runs, take_runs
from hypervisor.memory.guest import add_slot, slot_runs
from hypervisor.memory.owner import guest_control_owner, guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level import MapError, second_level_create, second_level_map
from hypervisor.memory.translations import translations_start
from hypervisor.sched.entity import entity_start
from hypervisor.sched.queues import all_processors
from hypervisor.sched.vcpus import ENTITIES, SHARES, schedule_vm
from hypervisor.vcpu.contract import AccessRights, vcpu_create
from hypervisor.vcpu.hold import hold, release
from hypervisor.vcpu.pool import VCPUS, take_vcpus
from hypervisor.vcpu.vcpu import NOBODY
from hypervisor.vm.boot.error import BootError, words_for
from hypervisor.vm.boot.memory_map import DEVICE_HOLE, FOUR_GIB
from hypervisor.vm.cpuid_policy import fill_cpuid
from hypervisor.vm.destroy import take_apart
from hypervisor.vm.disks import abandon_disks, make_disks
from hypervisor.vm.entropy import make_entropy
from hypervisor.vm.isolation import prove_isolation
from hypervisor.vm.manifest import manifest_vm, manifest_vm_count
from hypervisor.vm.networks import make_networks
from hypervisor.vm.start_order import schedule_starts
from hypervisor.vm.vm import MADE, VMS, Sweep, Vm, VmFlags, VmState

RUN = 0x20_0000
CONTROL_FRAMES = 4


@fn(cold=True)
def create_vms() -> None:
    """Make the VMs of the manifest that start with the machine, and start them in their order. One that cannot be made
    is reported and left out."""
    for i in range(manifest_vm_count()):
        entry = manifest_vm(i)
        if entry is not None:
            vm = VMS[i]
            vm.id = i
            vm.manifest_index = i
            copy_name(vm, entry)
            if not entry.flags.manual:
                make_vm(vm)
    schedule_starts()


@fn(cold=True)
def make_vm(vm: Vm) -> bool:
    """Make an ABSENT one of the manifest, which then is READY. False when that cannot be: the log says why, and nothing
    is left of it."""
    entry = manifest_vm(vm.manifest_index)
    if entry is None:
        return False
    error = create_vm(vm, entry)
    if error is not None:
        log(f"{vm.name_span()}: cannot be made: {words_for(error)}")
        abandon(vm)
        return False
    prove_isolation(vm)
    vm.state = VmState.READY
    return True


@fn(cold=True)
def abandon(vm: Vm) -> None:
    """What could not be completed goes back. No guest has seen the RAM, but a disk may have been shown it."""
    assert dma_withdraw(guest_ram_owner(vm.id)) is None, "an IOMMU does not confirm: nobody else may get this RAM"
    for i in range(vm.memory.slot_count):
        slot = vm.memory.slots[i]
        return_runs(slot.hpa, slot_runs(slot), guest_ram_owner(vm.id))
    vm.memory.zero()
    abandon_disks(vm)
    take_apart(vm)


@fn(cold=True)
def copy_name(vm: Vm, entry: ManifestVm) -> None:
    """The name, bounded, and the VM's line on the console."""
    length = u32(0)
    while length < NAME_BYTES - 1 and entry.name[length] != 0:
        vm.name.bytes[length] = entry.name[length]
        length = length + 1
    vm.name.length = length
    console_add_guest(vm.id, vm.name.text())


@fn(cold=True)
def create_vm(vm: Vm, entry: ManifestVm) -> BootError | None:
    """Allocate everything that the VM keeps for its life."""
    MADE.vms += 1
    vm.incarnation = MADE.vms
    dma_admit(guest_ram_owner(vm.id))
    lock_start(vm.board_lock, LockPlace.BOARD)
    with vm.board_lock:
        vm.board.zero()
    vm.memory_size = entry.memory
    vm.memory.zero()
    vm.disk_count = 0
    vm.disks_filled = False
    vm.cpuid.zero()
    vm.asked.store(0)
    vm.sweep = Sweep.NONE
    vm.start_at = 0
    vm.flags = VmFlags(kvm_signature=entry.flags.kvm_signature)
    fill_cpuid(vm.cpuid, vm.flags.kvm_signature, entry.vcpus)
    lock_start(vm.second_level_lock, LockPlace.SECOND_LEVEL)
    if not create_tables(vm):
        return BootError.NO_HOST_MEMORY
    low = min(entry.memory, u64(DEVICE_HOLE))
    error = give_memory(vm, Gpa(0), low)
    if error is None and entry.memory > low:
        error = give_memory(vm, Gpa(FOUR_GIB), entry.memory - low)
    if error is None:
        error = make_disks(vm, entry)
    if error is None:
        error = make_entropy(vm)
    if error is None:
        error = make_networks(vm, entry)
    if error is not None:
        return error
    error = create_vcpus(vm, entry.vcpus)
    return schedule_vm(vm, entry) if error is None else error


@fn(cold=True)
def create_tables(vm: Vm) -> bool:
    """Empty second-level tables, of which no processor has cached anything. False: no frame is left."""
    root = second_level_create(guest_tables_owner(vm.id))
    if root is None:
        return False
    vm.second_level_root = root
    translations_start(vm.translations)
    return True


@fn(cold=True)
def give_memory(vm: Vm, gpa: Gpa, size: u64) -> BootError | None:
    """`size` bytes of RAM at `gpa`, in one piece, mapped with the largest leaves. The start clears it."""
    hpa = take_runs((size + (RUN - 1)) // RUN, guest_ram_owner(vm.id))
    if hpa is None:
        return BootError.NO_HOST_MEMORY
    add_slot(vm.memory, gpa, size, hpa, True)
    rights = AccessRights.READ_WRITE_EXECUTE
    ram, tables = guest_ram_owner(vm.id), guest_tables_owner(vm.id)
    made = second_level_map(vm.second_level_root, gpa, hpa, size, rights, ram, tables)
    if isinstance(made, MapError):
        return BootError.NO_HOST_MEMORY
    vm.second_level_frames = vm.second_level_frames + made
    return None


@fn(cold=True)
def create_vcpus(vm: Vm, wanted: u32) -> BootError | None:
    """vCPUs in a row of the pool, each with its control structure and its extended state."""
    first = take_vcpus(wanted)
    if first is None:
        return BootError.NO_HOST_MEMORY
    vm.vcpu_first = first
    vm.vcpu_count = wanted
    for i in range(wanted):  # all of them: what ends a VM looks at each
        vcpu = VCPUS[first + i]
        vcpu.zero()
        vcpu.vm = vm
        vcpu.index = i
        vcpu.running_on.store(NOBODY)
        vcpu.held_by.store(NOBODY)
        vcpu.asleep.store(1)
        entity_start(ENTITIES[first + i], SHARES[vm.id], first + i, all_processors())
    for i in range(wanted):
        vcpu = VCPUS[first + i]
        control = allocate_frames(u32(CONTROL_FRAMES), guest_control_owner(vm.id))
        extended = allocate_frames((XSTATE.area_bytes + 4095) // 4096, guest_control_owner(vm.id))
        if control is None or extended is None:
            return BootError.NO_HOST_MEMORY
        vcpu.xstate = address_of(phys(XsaveArea, extended))
        hold(vcpu)
        vcpu_create(vcpu, control, vm.second_level_root)
        release(vcpu)
    return None
