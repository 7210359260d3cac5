"""The disks of a VM. In RAM: one of its own that begins as a file of the archive or empty, or that file itself, which
several VMs may read."""

from __future__ import annotations

from codegen.lang import fn, len, min, phys_span, range, u32, u64, usize
from drivers.virtio.block import ID_BYTES, SECTOR
from hypervisor.archive import archive_file
from hypervisor.config.manifest import DISKS_MAX, NO_FILE, DiskSource, ManifestDisk, ManifestVm
from hypervisor.devices.pci.kinds import FunctionKind
from hypervisor.devices.virtio.block import block_start
from hypervisor.devices.virtio.slots import slots_add
from hypervisor.memory.frames import RUN, release_run, return_runs, take_runs
from hypervisor.memory.owner import guest_ram_owner
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.machine_disks import attach_machine_disk, detach_machine_disks
from hypervisor.vm.vm import Vm


@fn(cold=True)
def make_disks(vm: Vm, entry: ManifestVm) -> BootError | None:
    """Memory for those that the guest may write, and a block device for each."""
    for i in range(min(entry.disk_count, u32(DISKS_MAX))):
        error = make_disk(vm, entry.disks[i])
        if error is not None:
            return error
    return None


@fn(cold=True)
def make_disk(vm: Vm, entry: ManifestDisk) -> BootError | None:
    """One of them. The sweep of the VM's first start fills it."""
    disk = vm.disks[vm.disk_count]
    disk.zero()
    disk.file = entry.file
    disk.size = entry.size
    with vm.board_lock:
        device = slots_add(vm.board.virtio, vm.board.pci, FunctionKind.BLOCK)
        if device is None:
            return BootError.TOO_MANY_DEVICES
        device.disk.bytes = entry.size // SECTOR * SECTOR
        device.disk.block = SECTOR
        for i in range(u32(ID_BYTES)):
            device.disk.serial[i] = entry.serial[i]
        if entry.flags.source != DiskSource.MEMORY:
            error = attach_machine_disk(vm, disk, entry, device.disk, vm.board.virtio.device_count - 1)
            if error is not None:
                return error
        elif entry.flags.read_only:
            file = archive_file(entry.file)
            if file is None or u64(len(file)) < entry.size:
                return BootError.FILE_MISSING
            device.disk.read_only = True
            device.disk.base = file.address()
        else:
            runs = entry.size // RUN + (u64(1) if entry.size % RUN != 0 else u64(0))
            memory = take_runs(runs, guest_ram_owner(vm.id))
            if memory is None:
                return BootError.NO_HOST_MEMORY
            disk.memory = memory
            disk.runs = runs
            device.disk.base = phys_span(memory, entry.size).address()
        block_start(device)
    vm.disk_count = vm.disk_count + 1
    return None


@fn(cold=True)
def fill_disk_run(vm: Vm, number: u32, offset: u64) -> None:
    """The run at `offset` as it is at the beginning: of the file, zero behind its end."""
    disk = vm.disks[number]
    piece = phys_span(disk.memory + offset, u64(RUN))
    copied = u64(0)
    file = archive_file(disk.file) if disk.file != NO_FILE else None
    if file is not None and offset < u64(len(file)):
        copied = min(u64(len(file)) - offset, u64(RUN))
        piece.slice(usize(0), usize(copied)).copy_from(file.slice(usize(offset), usize(copied)))
    piece.slice(usize(copied), usize(RUN - copied)).fill(0)


@fn(cold=True)
def release_disk_run(vm: Vm, number: u32, offset: u64) -> None:
    """Give back the run at `offset`."""
    release_run(vm.disks[number].memory + offset, guest_ram_owner(vm.id))


@fn(cold=True)
def abandon_disks(vm: Vm) -> None:
    """Give back all of what no guest has seen."""
    detach_machine_disks(vm)
    for i in range(vm.disk_count):
        return_runs(vm.disks[i].memory, vm.disks[i].runs, guest_ram_owner(vm.id))
    vm.disk_count = 0
