"""The block device (virtio 1.2, 5.2): its configuration and its requests."""

from __future__ import annotations

from codegen.lang import Field, HwEnum, Struct, at, u8, u16, u32, u64

SECTOR = 512  # bytes: the unit of all sector numbers, whatever the block size
ID_BYTES = 20

# Feature bits (5.2.3).
SIZE_MAX, SEGMENTS_MAX, READ_ONLY, BLOCK_SIZE, FLUSH, MULTIPLE_QUEUES, DISCARD, WRITE_ZEROES = (
    1 << n for n in (1, 2, 5, 6, 9, 12, 13, 14)
)


class BlockConfiguration(Struct, size=60, align=4):
    """struct virtio_blk_config (5.2.4)."""

    capacity: Field[u64] = at(0)  # sectors
    size_max: Field[u32] = at(8)  # bytes of a segment
    segments_max: Field[u32] = at(12)
    block_size: Field[u32] = at(20)  # bytes
    queues: Field[u16] = at(34)
    discard_sectors: Field[u32] = at(36)  # of a run, at most
    discard_runs: Field[u32] = at(40)  # of a request, at most
    discard_alignment: Field[u32] = at(44)  # sectors
    zero_sectors: Field[u32] = at(48)
    zero_runs: Field[u32] = at(52)
    zero_may_unmap: Field[u8] = at(56)


class BlockRequest(HwEnum, repr=u32):
    """5.2.6."""

    READ = 0
    WRITE = 1
    FLUSH = 4
    GET_ID = 8
    DISCARD = 11
    WRITE_ZEROES = 13


class BlockStatus(HwEnum, repr=u8):
    """The last byte that the device writes."""

    OK = 0
    IO_ERROR = 1
    UNSUPPORTED = 2


class BlockHeader(Struct, size=16, align=8):
    """What a request begins with; data and the status byte follow."""

    type: Field[u32] = at(0)  # BlockRequest
    sector: Field[u64] = at(8)


class BlockRun(Struct, size=16, align=8):
    """What DISCARD and WRITE_ZEROES are about: a list of these."""

    sector: Field[u64] = at(0)
    sectors: Field[u32] = at(8)
    flags: Field[u32] = at(12)


UNMAP = 1  # of BlockRun.flags
