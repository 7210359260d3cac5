"""The boot medium: the drive that we were started from, read in blocks (UEFI 2.10, 13.9)."""

from __future__ import annotations

from boot.load import firmware
from boot.load.console import say
from boot.load.iso9660 import VOLUME_DESCRIPTOR, VolumeDescriptor
from boot.uefi.boot_device import boot_path, device_path, leads_to
from boot.uefi.firmware import RESULT, call_firmware, protocol_of, services
from boot.uefi.tables import BLOCK_IO, BlockIo, BlockMedia, Word
from codegen.lang import (
    Array,
    Field,
    Hpa,
    Span,
    Struct,
    address_of,
    at,
    fn,
    implements,
    len,
    min,
    phys,
    range,
    span,
    span_of,
    storage,
    u8,
    u32,
    u64,
    usize,
)

BY_PROTOCOL = 2
BOUNCE_SIZE = 65536
VOLUME_ID = span(b"KEELBACK")


class Medium(Struct):
    """The drive in use."""

    block_io: Field[Hpa]
    media_id: Field[u32]
    block_shift: Field[u32]


class Bounce(Struct, size=BOUNCE_SIZE, align=4096):
    """Aligned as any controller wants it."""

    bytes: Array[u8] = at(0, count=BOUNCE_SIZE)


MEDIUM = storage(Medium)
BOUNCE = storage(Bounce)
COUNT = storage(Word)


@fn
def find_medium(image: u64) -> bool:
    """The drive with our volume that the loader, by its image handle, was started from; failing that the first one.

    Whole drives only: OVMF and others have no driver for ISO 9660, but blocks.
    """
    protocol, count, result = u64(BLOCK_IO.address()), u64(address_of(COUNT)), u64(address_of(RESULT))
    if call_firmware(services().locate_handle_buffer, u64(BY_PROTOCOL), protocol, u64(0), count, result) != 0:
        return False
    handles = Hpa(RESULT.value)
    partition = boot_path(image)
    other = Hpa(0)
    for i in range(usize(COUNT.value)):
        handle = phys(Word, handles + u64(i) * 8).value
        block_io = protocol_of(handle, BLOCK_IO)
        if block_io != Hpa(0):
            started_here = leads_to(device_path(handle), partition)
            if (started_here or other == Hpa(0)) and is_ours(block_io):
                if started_here:
                    return True
                other = block_io
    if other == Hpa(0):
        return False
    if len(partition) != 0:
        say("Keelback: the drive that it was started from does not hold the volume KEELBACK, but another one does")
    return is_ours(other)


@fn
def is_ours(block_io: Hpa) -> bool:
    """Whether this is a whole drive that holds our volume; then it is MEDIUM."""
    media = phys(BlockMedia, phys(BlockIo, block_io).media)
    if media.present == 0 or media.partition != 0:
        return False
    if media.block_size != 512 and media.block_size != 2048:
        return False
    MEDIUM.block_io = block_io
    MEDIUM.media_id = media.media_id
    MEDIUM.block_shift = u32(9) if media.block_size == 512 else u32(11)
    if not read_bounce(u64(VOLUME_DESCRIPTOR), u64(2048)):
        return False
    name = span_of(BOUNCE).slice(usize(VolumeDescriptor.volume_id.offset), len(VOLUME_ID))
    return name.equals(VOLUME_ID)


@implements(firmware.read_medium)
@fn
def read_medium(offset: u64, target: Span) -> bool:
    """Through an aligned buffer: firmware may want that, and says so only by failing."""
    done = usize(0)
    while done < len(target):
        count = min(usize(BOUNCE_SIZE), len(target) - done)
        if not read_bounce(offset + u64(done), (u64(count) + 2047) & ~2047):
            return False
        target.slice(done, count).copy_from(span_of(BOUNCE).slice(usize(0), count))
        done += count
    return True


@fn
def read_bounce(offset: u64, size: u64) -> bool:
    """`size` bytes from `offset` on, whole blocks, into the aligned buffer."""
    read_blocks = phys(BlockIo, MEDIUM.block_io).read_blocks
    lba = offset >> MEDIUM.block_shift
    block_io, media_id = u64(MEDIUM.block_io), u64(MEDIUM.media_id)
    return call_firmware(read_blocks, block_io, media_id, lba, size, u64(address_of(BOUNCE))) == 0
