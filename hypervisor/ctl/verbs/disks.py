"""The machine's disks and their partitions, as the shell's command of the same name."""

from __future__ import annotations

from codegen.lang import fn, u32
from drivers.storage.command import SECTOR
from drivers.storage.disk import DISKS, Disk
from hypervisor.ctl.answer import put
from hypervisor.ctl.quote import put_quoted
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.progress import Progress
from hypervisor.storage.names import disk_kind, disk_model, disk_ordinal, disk_serial
from hypervisor.storage.partitions.partition import PARTITIONS, Partition


@verb("disks")
@fn(cold=True)
def list_disks(request: Request) -> Progress:
    """Lists the `disks` (`name`, `model`, `serial`, `size` in bytes, `block`, `cache`, `discards`, `read_only`,
    `gone`) and their `partitions` (`disk`, `number`, `name`, `first` sector of 512 bytes, `size` in bytes)."""
    disks, partitions = DISKS.disk_count, PARTITIONS.partition_count
    step = request.step
    if step == 0:
        put(',"disks":[')
    if step < disks:
        if step != 0:
            put(",")
        put_disk(step, DISKS.disks[step])
        return Progress.MORE
    if step == disks:
        put('],"partitions":[')
    if step - disks >= partitions:
        put("]")
        return Progress.DONE
    if step != disks:
        put(",")
    put_partition(PARTITIONS.partitions[step - disks])
    return Progress.MORE


@fn(cold=True)
def put_disk(number: u32, disk: Disk) -> None:
    """One."""
    put(f'{{"name":"{disk_kind(disk)}{disk_ordinal(number)}","model":')
    put_quoted(disk_model(disk))
    put(',"serial":')
    put_quoted(disk_serial(disk))
    put(f',"size":{disk.sectors * SECTOR},"block":{disk.block},"cache":{u32(disk.caches_writes)}')
    put(f',"discards":{u32(disk.discards)},"read_only":{u32(disk.read_only)},"gone":{u32(disk.gone)}}}')


@fn(cold=True)
def put_partition(partition: Partition) -> None:
    """One."""
    disk = DISKS.disks[partition.disk]
    put(f'{{"disk":"{disk_kind(disk)}{disk_ordinal(partition.disk)}","number":{partition.number},"name":')
    put_quoted(partition.name_text())
    put(f',"first":{partition.first},"size":{partition.sectors * SECTOR}}}')
