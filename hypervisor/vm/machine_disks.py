"""A VM's disks that lie on disks of the machine: found, claimed, and given the VM's RAM to read and write."""

from __future__ import annotations

from codegen.lang import Span, fn, len, max, min, range, u32, u64, usize
from drivers.storage.command import COMMANDS_MAX, SECTOR
from drivers.storage.disk import DISKS
from hypervisor.config.manifest import DISKS_MAX, DiskSource, ManifestDisk
from hypervisor.devices.virtio.disk import GuestDisk
from hypervisor.devices.virtio.machine_disk import REQUESTS_MAX, machine_disk_start
from hypervisor.devices.virtio.machine_piece import BOUNCE_BYTES
from hypervisor.dma.buffers import device_buffer, return_device_buffer
from hypervisor.dma.dma import dma_map
from hypervisor.memory.frames import RUN
from hypervisor.memory.guest import slot_runs
from hypervisor.memory.owner import guest_ram_owner
from hypervisor.storage.names import disk_called
from hypervisor.storage.partitions.partition import PARTITIONS, partition_named
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.texts import manifest_text
from hypervisor.vm.disk_owner import disk_owner
from hypervisor.vm.manifest import manifest_vm, manifest_vm_count
from hypervisor.vm.vm import VMS, VMS_MAX, Vm, VmDisk

assert VMS_MAX * DISKS_MAX <= COMMANDS_MAX, "each disk has one"


@fn(cold=True)
def attach_machine_disk(
    vm: Vm, disk: VmDisk, entry: ManifestDisk, guest_disk: GuestDisk, slot: u32
) -> BootError | None:
    """The blocks of the device in `slot` are those of a disk or partition, if there is one and nobody else's writes
    touch it."""
    error = find_source(disk, entry)
    if error is not None:
        return error
    if is_claimed(vm, disk):
        return BootError.DISK_IN_USE
    machine = DISKS.disks[disk.machine_disk]
    if not lend_memory(vm, disk.machine_disk):
        return BootError.NO_HOST_MEMORY
    bounce = device_buffer(machine.requester, u64(BOUNCE_BYTES), machine.address_limit)
    if bounce is None:
        return BootError.NO_HOST_MEMORY
    disk.bounce = bounce
    guest_disk.bytes = disk.sectors * SECTOR
    guest_disk.block = machine.block
    guest_disk.read_only = disk.read_only
    first, requests = commands_for(vm.manifest_index, vm.disk_count)
    owner = disk_owner(vm.id, slot)
    machine_disk_start(guest_disk.machine, disk.machine_disk, disk.first_sector, first, requests, owner)
    guest_disk.machine.bounce = bounce
    return None


@fn(cold=True)
def find_source(disk: VmDisk, entry: ManifestDisk) -> BootError | None:
    """The sectors that the configuration names."""
    name = without_nul(manifest_text(entry.name))
    if entry.flags.source == DiskSource.PARTITION:
        number = partition_named(name)
        if number is None:
            return BootError.NO_PARTITION
        partition = PARTITIONS.partitions[number]
        disk.machine_disk = partition.disk
        disk.first_sector = partition.first
        disk.sectors = partition.sectors
    else:
        number = disk_called(name)
        if number is None:
            return BootError.NO_DISK
        disk.machine_disk = number
        disk.first_sector = 0
        disk.sectors = DISKS.disks[number].sectors
    disk.read_only = entry.flags.read_only or DISKS.disks[disk.machine_disk].read_only
    disk.source = entry.flags.source
    return None


@fn(cold=True)
def without_nul(text: Span) -> Span:
    """A text of the manifest, without its end."""
    return text if len(text) == 0 else text.slice(usize(0), len(text) - 1)


@fn(cold=True)
def is_claimed(vm: Vm, disk: VmDisk) -> bool:
    """Whether a VM, this one too, uses some of these sectors, and one of the two writes."""
    for i in range(u32(VMS_MAX)):
        other = VMS[i]
        for number in range(min(other.disk_count, u32(DISKS_MAX))):
            used = other.disks[number]
            if used.source != DiskSource.MEMORY and used.machine_disk == disk.machine_disk:
                apart = used.first_sector + used.sectors <= disk.first_sector
                apart = apart or disk.first_sector + disk.sectors <= used.first_sector
                if not apart and not (used.read_only and disk.read_only):
                    return True
    return False


@fn(cold=True)
def lend_memory(vm: Vm, machine_disk: u32) -> bool:
    """All of the VM's RAM to the disk's controller, which no earlier disk of the VM has."""
    requester = DISKS.disks[machine_disk].requester
    for number in range(vm.disk_count):
        used = vm.disks[number]
        if used.source != DiskSource.MEMORY and DISKS.disks[used.machine_disk].requester == requester:
            return True
    for i in range(vm.memory.slot_count):
        slot = vm.memory.slots[i]
        size = slot_runs(slot) * RUN
        if dma_map(requester, slot.hpa, size, True, guest_ram_owner(vm.id)) is not None:
            return False
    return True


@fn(cold=True)
def commands_for(vm: u32, number: u32) -> tuple[u32, u32]:
    """Of all commands those that are disk `number`'s of the VM with this entry, for ever: the first one, and how many.
    The disks of the configuration share them evenly."""
    before = u32(0)
    all = u32(0)
    for i in range(manifest_vm_count()):
        entry = manifest_vm(i)
        if entry is not None:
            for place in range(min(entry.disk_count, u32(DISKS_MAX))):
                if entry.disks[place].flags.source != DiskSource.MEMORY:
                    if i < vm or i == vm and place < number:
                        before = before + 1
                    all = all + 1
    each = min(u32(COMMANDS_MAX) // max(all, u32(1)), u32(REQUESTS_MAX))
    return before * each, each


@fn(cold=True)
def detach_machine_disks(vm: Vm) -> None:
    """Nothing is under way: what the monitor lent them for the VM's sake comes back."""
    for number in range(vm.disk_count):
        disk = vm.disks[number]
        if disk.source != DiskSource.MEMORY and u64(disk.bounce) != 0:
            return_device_buffer(DISKS.disks[disk.machine_disk].requester, disk.bounce, u64(BOUNCE_BYTES))
