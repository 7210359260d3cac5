"""The table of the machine's disks. Drivers add what they find; who uses disks looks here for what they can do."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Struct, count, fn, storage, u8, u16, u32, u64
from drivers.storage.command import SECTOR

DISKS_MAX = 16
MODEL_BYTES = 40
SERIAL_BYTES = 20
SPACE, LAST_PRINTABLE, UNPRINTABLE = 0x20, 0x7E, 0x3F


class DiskDriver(HwEnum, repr=u8):
    """Whose functions take the disk's commands."""

    NONE = 0
    NVME = 1
    AHCI = 2
    VIRTIO = 3
    ATA = 4


class Disk(Struct):
    """A disk, and the limits that each command keeps to. Texts are padded with NULs, and printable ASCII, whatever the
    device says."""

    driver: Field[DiskDriver]
    controller: Field[u8]  # number among its driver's
    unit: Field[u32]  # namespace, port or drive there
    requester: Field[u16]  # the controller's requester ID in segment 0, for DMA
    queues: Field[u16]  # of the controller: a command goes to one of them
    sectors: Field[u64]  # of SECTOR bytes
    block: Field[u32]  # bytes that are read and written at once: a power of two, 512 to 4096
    bytes_max: Field[u32]  # of a command's data: a multiple of `block`
    segments_max: Field[u32]  # of a command, at most SEGMENTS_MAX
    address_limit: Field[u64]  # all data lies below it
    page_bound: Field[bool]  # segments meet at multiples of 4096 bytes only
    caches_writes: Field[bool]  # what is done is durable only after FLUSH
    discards: Field[bool]
    zeroes: Field[bool]
    read_only: Field[bool]
    gone: Field[bool]
    model: Array[u8] = count(MODEL_BYTES)
    serial: Array[u8] = count(SERIAL_BYTES)


class Disks(Struct):
    """All of the machine."""

    disk_count: Field[u32]
    beyond: Field[u32]  # found, but there is no room for them
    disks: Array[Disk] = count(DISKS_MAX)


DISKS = storage(Disks)


@fn(cold=True)
def disk_add(driver: DiskDriver, controller: u8, unit: u32) -> Disk | None:
    """One more, all zero but what is named here; None when there is no room."""
    number = DISKS.disk_count
    if number >= DISKS_MAX:
        DISKS.beyond = DISKS.beyond.wrapping_add(1)
        return None
    DISKS.disk_count = number + 1
    disk = DISKS.disks[number]
    disk.zero()
    disk.driver = driver
    disk.controller = controller
    disk.unit = unit
    return disk


@fn(cold=True)
def printable(byte: u8) -> u8:
    """Of a text that a device gives: itself, or a question mark. NUL is a space: both pad."""
    if byte == 0:
        return u8(SPACE)
    return byte if byte >= SPACE and byte <= LAST_PRINTABLE else u8(UNPRINTABLE)


@fn
def disk_has(disk: Disk, sector: u64, sectors: u32) -> bool:
    """Whether all of these sectors are on the disk, and whole blocks of it."""
    whole = (sector | u64(sectors)) & (u64(disk.block) // SECTOR).wrapping_sub(1) == 0
    return whole and sector <= disk.sectors and u64(sectors) <= disk.sectors - sector
