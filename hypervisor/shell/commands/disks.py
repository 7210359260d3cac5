"""The machine's disks and their partitions, and who uses them."""

from __future__ import annotations

from codegen.lang import fn, min, range, u32, u64
from drivers.storage.command import SECTOR
from drivers.storage.disk import DISKS, Disk
from hypervisor.config.manifest import DISKS_MAX, DiskSource
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.storage.names import disk_kind, disk_model, disk_ordinal, disk_serial
from hypervisor.storage.partitions.partition import PARTITIONS, Partition
from hypervisor.vm.vm import VMS, VMS_MAX, Vm


@command("disks")
@fn(cold=True)
def show_disks(call: Call) -> Progress:
    """Shows the machine's disks, what they can do, their partitions, and which VMs use them."""
    if call.step >= DISKS.disk_count:
        if call.step == 0:
            say("no disk is in use: the machine's are looked for when a VM's configuration names one")
        return Progress.DONE
    number = call.step
    disk = DISKS.disks[number]
    name, ordinal = disk_kind(disk), disk_ordinal(number)
    say(f'{name}{ordinal} "{disk_model(disk)}", serial "{disk_serial(disk)}", {mib(disk.sectors)} MiB')
    say_abilities(disk)
    for i in range(PARTITIONS.partition_count):
        if PARTITIONS.partitions[i].disk == number:
            say_partition(PARTITIONS.partitions[i])
    for i in range(u32(VMS_MAX)):
        say_users(VMS[i], number)
    return Progress.MORE if number + 1 < DISKS.disk_count else Progress.DONE


@fn(cold=True)
def mib(sectors: u64) -> u64:
    """Rounded down."""
    return sectors // ((1 << 20) // SECTOR)


@fn(cold=True)
def say_abilities(disk: Disk) -> None:
    """One line."""
    if disk.gone:
        say("  does not answer any more: look at its cable, then start the machine again")
    flushes, discards = disk.caches_writes, disk.discards
    say(f"  blocks of {disk.block} bytes; write cache {flushes}, discards {discards}, read-only {disk.read_only}")


@fn(cold=True)
def say_partition(partition: Partition) -> None:
    """One line."""
    say(f'  partition {partition.number} "{partition.name_text()}", {mib(partition.sectors)} MiB')


@fn(cold=True)
def say_users(vm: Vm, number: u32) -> None:
    """A line for each disk of the VM that lies there."""
    for place in range(min(vm.disk_count, u32(DISKS_MAX))):
        used = vm.disks[place]
        if used.source != DiskSource.MEMORY and used.machine_disk == number:
            size, first, failed = mib(used.sectors), used.first_sector, failed_requests(vm, place)
            say(f"  {vm.name_span()}: {size} MiB from sector {first} on, {failed} requests have failed")


@fn(cold=True)
def failed_requests(vm: Vm, place: u32) -> u64:
    """Of its disk in this place, since the VM was made."""
    with vm.board_lock:
        return vm.board.virtio.devices[place].disk.machine.errors
