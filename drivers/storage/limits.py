"""Whether a command keeps to the limits of its disk. Drivers look before they tell a device anything of it."""

from __future__ import annotations

from codegen.lang import fn, range, u64
from drivers.storage.command import SECTOR, BlockCommand, BlockOperation
from drivers.storage.disk import Disk, disk_has


@fn
def within_limits(disk: Disk, command: BlockCommand) -> bool:
    """Whether the disk has such an operation, such sectors, and takes such memory."""
    match command.operation:
        case BlockOperation.FLUSH:
            return True
        case BlockOperation.READ:
            return has_sectors(disk, command) and takes_memory(disk, command)
        case BlockOperation.WRITE:
            return not disk.read_only and has_sectors(disk, command) and takes_memory(disk, command)
        case BlockOperation.DISCARD:
            return disk.discards and not disk.read_only and has_sectors(disk, command)
        case BlockOperation.WRITE_ZEROES:
            return disk.zeroes and not disk.read_only and has_sectors(disk, command)


@fn
def has_sectors(disk: Disk, command: BlockCommand) -> bool:
    """At least one, and all of them there."""
    return command.sectors != 0 and disk_has(disk, command.sector, command.sectors)


@fn
def takes_memory(disk: Disk, command: BlockCommand) -> bool:
    """Whether the segments are as many bytes as the sectors, and such as the disk takes. (`page_bound` concerns
    one driver alone, which looks itself.)"""
    if command.segment_count > disk.segments_max:
        return False
    total = u64(0)
    for i in range(command.segment_count):
        segment = command.segments[i]
        end = u64(segment.hpa).checked_add(u64(segment.bytes))
        if end is None or end > disk.address_limit or u64(segment.hpa) & 3 != 0:
            return False
        if segment.bytes == 0 or segment.bytes % SECTOR != 0:
            return False
        total += u64(segment.bytes)
    return total == u64(command.sectors) * SECTOR and total <= u64(disk.bytes_max)
