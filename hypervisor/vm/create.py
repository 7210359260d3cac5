"""Make the VMs of the manifest: RAM, second-level tables, vCPUs."""

from __future__ import annotations

from codegen.lang import Gpa, address_of, fn, min, phys, range, u8, u32, u64
from hypervisor.config.manifest import NAME_BYTES, ManifestVm
from hypervisor.console.guests import console_add_guest
from hypervisor.console.log import log
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.cpu.xstate import XSTATE, XsaveArea
from hypervisor.memory.frames import allocate_frames, allocate_runs
from hypervisor.memory.guest import add_slot
from hypervisor.memory.owner import Owner, guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level import MapError, second_level_create, second_level_map
from hypervisor.memory.translations import translations_start
from hypervisor.sched.vcpus import schedule_vm
from hypervisor.time.clock import CLOCK
from hypervisor.vcpu.contract import AccessRights, vcpu_create
from hypervisor.vcpu.hold import hold, release
from hypervisor.vcpu.pool import POOL, VCPUS, VCPUS_MAX
from hypervisor.vcpu.vcpu import NOBODY
from hypervisor.vm.boot.error import BootError, words_for
from hypervisor.vm.boot.memory_map import DEVICE_HOLE, FOUR_GIB
from hypervisor.vm.cpuid_policy import fill_cpuid
from hypervisor.vm.isolation import prove_isolation
from hypervisor.vm.lifecycle import reset_hardware, start_vm
from hypervisor.vm.manifest import manifest_vm, manifest_vm_count
from hypervisor.vm.vm import VMS, Vm, VmFlags, VmState

RUN = 0x20_0000
CONTROL_FRAMES = 4


@fn(cold=True)
def create_vms() -> None:
    """Make and start every VM of the manifest; one that cannot be made is reported and left out."""
    for i in range(manifest_vm_count()):
        entry = manifest_vm(i)
        if entry is not None:
            vm = VMS[i]
            vm.id = i
            vm.manifest_index = i
            copy_name(vm, entry)
            error = create_vm(vm, entry)
            if error is not None:
                log(f"{vm.name_span()}: cannot be made: {words_for(error)}")
                vm.state = VmState.STOPPED
            else:
                prove_isolation(vm)
                reset_hardware(vm)
                ticks = vm.clock_base.wrapping_sub(CLOCK.start)
                log(f"{vm.name_span()}: its clock starts {ticks} TSC ticks after the loader's first instruction")
                start_vm(vm)


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
    lock_start(vm.board_lock, LockPlace.BOARD)
    vm.memory_size = entry.memory
    vm.flags = VmFlags(kvm_signature=entry.flags.kvm_signature)
    fill_cpuid(vm.cpuid, vm.flags.kvm_signature, entry.vcpus)
    lock_start(vm.second_level_lock, LockPlace.SECOND_LEVEL)
    if not create_tables(vm):
        return BootError.NO_HOST_MEMORY
    low = min(entry.memory, u64(DEVICE_HOLE))
    error = give_memory(vm, Gpa(0), low)
    if error is None and entry.memory > low:
        error = give_memory(vm, Gpa(FOUR_GIB), entry.memory - low)
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
    """`size` bytes of zeroed RAM at `gpa`, in one piece, mapped with the largest leaves."""
    hpa = allocate_runs((size + (RUN - 1)) // RUN, guest_ram_owner(vm.id))
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
    """vCPUs at the end of the pool, each with its control structure and its extended state."""
    if POOL.used + wanted > VCPUS_MAX:
        return BootError.NO_HOST_MEMORY
    vm.vcpu_first = POOL.used
    vm.vcpu_count = wanted
    for i in range(wanted):
        vcpu = VCPUS[vm.vcpu_first + i]
        vcpu.vm = vm
        vcpu.index = i
        vcpu.running_on.store(NOBODY)
        vcpu.held_by.store(NOBODY)
        vcpu.asleep.store(1)
        control = allocate_frames(u32(CONTROL_FRAMES), u8(Owner.CONTROL))
        extended = allocate_frames((XSTATE.area_bytes + 4095) // 4096, u8(Owner.CONTROL))
        if control is None or extended is None:
            return BootError.NO_HOST_MEMORY
        vcpu.xstate = address_of(phys(XsaveArea, extended))
        hold(vcpu)
        vcpu_create(vcpu, control, vm.second_level_root)
        release(vcpu)
    POOL.used = POOL.used + wanted
    return None
