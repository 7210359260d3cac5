"""Reading the partition table of a disk. It is the disk's word: nothing of it is believed that cannot be."""

from __future__ import annotations

from codegen.lang import Hpa, HwEnum, Span, fn, min, phys_span, range, u32, u64, usize
from drivers.storage.command import SECTOR, BlockOutcome
from drivers.storage.disk import DISKS, Disk
from hypervisor.console.log import log, warn
from hypervisor.dma.buffers import device_buffer, return_device_buffer
from hypervisor.storage.now import read_now
from hypervisor.storage.partitions.checksum import crc32
from hypervisor.storage.partitions.layout import (
    ENTRIES_MAX,
    ENTRY_BYTES,
    HEADER_BYTES,
    REVISION,
    SIGNATURE,
    GptEntry,
    GptHeader,
)
from hypervisor.storage.partitions.partition import PARTITIONS, partition_add

PAGE = 4096
ENTRIES_BYTES = ENTRIES_MAX * ENTRY_BYTES
BUFFER_BYTES = PAGE + ENTRIES_BYTES


class TableFault(HwEnum, repr=u32, must_use=True):
    """Why there are no partitions."""

    ABSENT = 1
    DAMAGED = 2
    UNREADABLE = 3


@fn(cold=True)
def read_partitions() -> None:
    """Of all disks."""
    for number in range(DISKS.disk_count):
        disk = DISKS.disks[number]
        buffer = device_buffer(disk.requester, u64(BUFFER_BYTES), disk.address_limit)
        if buffer is None:
            warn(f"disk {number}: no memory is left to read its partitions")
            continue
        read_either(number, disk, buffer)
        return_device_buffer(disk.requester, buffer, u64(BUFFER_BYTES))
    if PARTITIONS.beyond != 0:
        warn(f"{PARTITIONS.beyond} partitions more than there is room for are left out")


@fn(cold=True)
def read_either(number: u32, disk: Disk, buffer: Hpa) -> None:
    """The table at the beginning of the disk, or its copy at the end."""
    fault = read_table(number, disk, buffer, u64(1))
    if fault is None:
        return
    if fault == TableFault.DAMAGED:
        warn(f"disk {number}: its partition table is damaged: the copy at its end is tried; repair it (sgdisk -e)")
        fault = read_table(number, disk, buffer, disk.sectors // (u64(disk.block) // SECTOR) - 1)
        if fault is not None:
            warn(f"disk {number}: the copy is no better: none of its partitions can be used")
    elif fault == TableFault.UNREADABLE:
        warn(f"disk {number}: its partition table cannot be read")


@fn(cold=True)
def read_table(number: u32, disk: Disk, buffer: Hpa, block: u64) -> TableFault | None:
    """The table whose header is in this block."""
    per_block = u64(disk.block) // SECTOR
    if block >= disk.sectors // per_block:
        return TableFault.ABSENT
    if not read_blocks(number, disk, buffer, block, u64(disk.block)):
        return TableFault.UNREADABLE
    header_bytes = phys_span(buffer, u64(PAGE))
    header = header_bytes.view(usize(0), GptHeader)
    if header is None or header.signature != SIGNATURE:
        return TableFault.ABSENT
    if not header_holds(header, header_bytes, block, u64(disk.block)):
        return TableFault.DAMAGED
    length = u64(header.entry_count) * ENTRY_BYTES
    entries = buffer + PAGE
    if header.entries_block >= disk.sectors // per_block:
        return TableFault.DAMAGED
    blocks = (length + u64(disk.block) - 1) // u64(disk.block)
    if not read_blocks(number, disk, entries, header.entries_block, blocks * u64(disk.block)):
        return TableFault.UNREADABLE
    table = phys_span(entries, length)
    if crc32(table) != header.entries_sum:
        return TableFault.DAMAGED
    for i in range(u32(length // ENTRY_BYTES)):
        entry = table.view(usize(i) * ENTRY_BYTES, GptEntry)
        if entry is not None and not is_free(entry):
            add_entry(header, entry, number, i + 1, per_block)
    return None


@fn(cold=True)
def read_blocks(number: u32, disk: Disk, buffer: Hpa, block: u64, size: u64) -> bool:
    """`size` bytes, less where the disk ends, in commands of a page, which every disk takes."""
    per_block = u64(disk.block) // SECTOR
    sector = block * per_block
    done = u64(0)
    while done < size and sector < disk.sectors:
        here = min(min(u64(PAGE), size - done), (disk.sectors - sector) * SECTOR)
        if read_now(number, sector, buffer + done, u32(here // SECTOR)) != BlockOutcome.DONE:
            return False
        done = done + here
        sector = sector + here // SECTOR
    return done == size


@fn(cold=True)
def header_holds(header: GptHeader, bytes: Span, block: u64, block_bytes: u64) -> bool:
    """Its own sum, and that it makes sense (5.3.2). The sum in the buffer is made 0."""
    if header.revision != REVISION or header.header_bytes < HEADER_BYTES or u64(header.header_bytes) > block_bytes:
        return False
    found = header.header_sum
    header.header_sum = 0
    if crc32(bytes.slice(usize(0), usize(header.header_bytes))) != found:
        return False
    if header.entry_count == 0 or header.entry_count > ENTRIES_MAX or header.entry_bytes != ENTRY_BYTES:
        return False
    return header.own_block == block and header.first_usable <= header.last_usable


@fn(cold=True)
def is_free(entry: GptEntry) -> bool:
    """Whether it describes no partition."""
    type = entry.type
    blank = type.low == 0 and type.middle == 0 and type.high == 0
    for i in range(u32(8)):
        blank = blank and type.rest[i] == 0
    return blank


@fn(cold=True)
def add_entry(header: GptHeader, entry: GptEntry, disk: u32, number: u32, per_block: u64) -> None:
    """One, if it lies where partitions may."""
    first, last = entry.first_block, entry.last_block
    inside = header.first_usable <= first and first <= last and last <= header.last_usable
    if not inside or last >= DISKS.disks[disk].sectors // per_block:
        warn(f"disk {disk}: partition {number} is left out: it lies outside of the disk's usable part")
        return
    if partition_add(entry, disk, number, first * per_block, (last - first + 1) * per_block):
        added = PARTITIONS.partitions[PARTITIONS.partition_count - 1]
        log(f'disk {disk}: partition {number} "{added.name_text()}", {added.sectors * SECTOR >> 20} MiB')
