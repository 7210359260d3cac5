"""What the driver makes of a disk's identification. The disk is hostile: only what makes sense is believed."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, len, min, range, span_of, u8, u16, u32, u64, usize
from drivers.storage.ata.identify import CHECKED, IdentifyData
from drivers.storage.command import SECTOR, SEGMENTS_MAX
from drivers.storage.disk import MODEL_BYTES, SERIAL_BYTES, SPACE, Disk, printable

SECTOR_MAX = 4096
NARROW_SECTORS = 256  # of a command with a 28-bit address
BYTES_MAX = 1 << 20
NARROW_END = 0x0FFF_FFFF  # 28-bit addresses lie below
WIDE_END = 1 << 48
VALID = 1


class AtaIdentity(Struct):
    """What does not change as long as it is the same disk."""

    sectors: Field[u64]  # of `block` bytes
    block: Field[u64]  # bytes of a logical sector
    model: Array[u8] = count(MODEL_BYTES)
    serial: Array[u8] = count(SERIAL_BYTES)
    rest: Field[u32]  # nothing: every byte of the structure is a field's


class AtaDrive(Struct):
    """A disk."""

    identity: AtaIdentity
    wide: Field[bool]  # it takes 48-bit addresses
    caches_writes: Field[bool]
    flush_wide: Field[bool]
    discards: Field[bool]
    has_dma: Field[bool]
    mode_selected: Field[bool]  # a DMA mode: firmware has done so
    queue_depth: Field[u32]  # commands by NCQ; 0: it has none


@fn(cold=True)
def read_drive(drive: AtaDrive, data: IdentifyData) -> bool:
    """Fill `drive`. False when it is nothing that can be used: a wrong sum, no sectors, absurd ones."""
    drive.zero()
    if not sum_holds(data) or not data.capabilities.lba:
        return False
    block = sector_bytes(data)
    if block == 0:
        return False
    features = data.features2
    knows = features.valid == VALID
    drive.wide = knows and features.wide
    sectors = data.sectors_wide if drive.wide else u64(min(data.sectors, u32(NARROW_END)))
    if sectors == 0 or sectors > WIDE_END:
        return False
    identity = drive.identity
    identity.sectors = sectors
    identity.block = block
    for i in range(u32(MODEL_BYTES)):
        identity.model[i] = data.model[i ^ 1]
    for i in range(u32(SERIAL_BYTES)):
        identity.serial[i] = data.serial[i ^ 1]
    # One that is off may be on after a reset.
    drive.caches_writes = knows and (data.features1.write_cache or data.enabled1.write_cache)
    drive.flush_wide = drive.wide and features.flush_wide
    drive.discards = drive.wide and data.trim != 0xFFFF and data.trim & 1 != 0
    drive.has_dma = data.capabilities.dma
    drive.mode_selected = data.multiword_dma.selected != 0 or data.ultra_dma.selected != 0
    if drive.wide and u16(data.sata) != 0xFFFF and data.sata.queues:
        drive.queue_depth = u32(data.queue_depth & 31) + 1
    return True


@fn(cold=True)
def sum_holds(data: IdentifyData) -> bool:
    """Whether the sum of all bytes is 0, where the data has one."""
    if data.integrity & 0xFF != CHECKED:
        return True
    bytes = span_of(data)
    sum = u8(0)
    for i in range(len(bytes)):
        sum = sum.wrapping_add(bytes[i])
    return sum == 0


@fn(cold=True)
def sector_bytes(data: IdentifyData) -> u64:
    """Of a logical sector: a power of two from SECTOR to SECTOR_MAX; 0: nothing that we can use."""
    size = data.sector_size
    if size.valid != VALID or not size.long:
        return u64(SECTOR)
    bytes = (u64(data.sector_words_low) | u64(data.sector_words_high) << 16) * 2
    if bytes < SECTOR or bytes > SECTOR_MAX or bytes.count_ones() != 1:
        return u64(0)
    return bytes


@fn(cold=True)
def describe(disk: Disk, drive: AtaDrive) -> None:
    """The disk's limits, but for who its controller is and what memory that reaches."""
    identity = drive.identity
    per_sector = identity.block // SECTOR
    disk.queues = 1
    disk.sectors = identity.sectors * per_sector
    disk.block = u32(identity.block)
    disk.segments_max = SEGMENTS_MAX
    disk.bytes_max = BYTES_MAX
    if not drive.wide:
        disk.bytes_max = min(u32(BYTES_MAX), u32(identity.block) * NARROW_SECTORS)
    disk.caches_writes = drive.caches_writes
    disk.discards = drive.discards
    for i in range(text_end(drive.identity)):
        disk.model[i] = printable(identity.model[i])
    serial = usize(0)
    for i in range(u32(SERIAL_BYTES)):
        character = printable(identity.serial[i])
        if character != SPACE or serial != 0:  # some pad on the left
            disk.serial[serial] = character
            serial += 1
    while serial > 0 and disk.serial[serial - 1] == SPACE:
        serial -= 1
        disk.serial[serial] = 0


@fn(cold=True)
def text_end(identity: AtaIdentity) -> u32:
    """The model's length without the spaces and NULs behind it."""
    length = u32(MODEL_BYTES)
    while length > 0 and (identity.model[length - 1] == SPACE or identity.model[length - 1] == 0):
        length -= 1
    return length


@fn(cold=True)
def is_same_disk(drive: AtaDrive, other: AtaDrive) -> bool:
    """Whether both say of themselves the same."""
    return span_of(drive.identity).equals(span_of(other.identity))
