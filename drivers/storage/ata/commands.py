"""Commands of ATA disks, and the bits of their answers (ATA/ATAPI-7, volume 1; NCQ and TRIM: ACS-2)."""

from __future__ import annotations

from codegen.lang import BitStruct, HwEnum, bit, bits, u8


class AtaCommand(HwEnum, repr=u8):
    """Volume 1, chapter 6; ACS-2, chapter 7."""

    DATA_SET_MANAGEMENT = 0x06
    READ_DMA_EXT = 0x25
    READ_LOG_EXT = 0x2F
    WRITE_DMA_EXT = 0x35
    READ_FPDMA_QUEUED = 0x60
    WRITE_FPDMA_QUEUED = 0x61
    READ_DMA = 0xC8
    WRITE_DMA = 0xCA
    FLUSH_CACHE = 0xE7
    FLUSH_CACHE_EXT = 0xEA
    IDENTIFY_DEVICE = 0xEC
    SET_FEATURES = 0xEF


FEATURE_TRIM = 1  # of DATA SET MANAGEMENT
FEATURE_TRANSFER_MODE = 3  # of SET FEATURES
MULTIWORD_DMA_0 = 0x20
LOG_QUEUED_ERROR = 0x10  # the log that tells which queued command has failed


class AtaStatus(BitStruct, repr=u8):
    """The status register (ATA/ATAPI-7, volume 2, 5.2.9)."""

    error: bool = bit(0)
    data_request: bool = bit(3)
    fault: bool = bit(5)  # device fault
    ready: bool = bit(6)
    busy: bool = bit(7)  # while it is set, no other bit means anything


class AtaError(BitStruct, repr=u8):
    """The error register (volume 2, 5.2.7)."""

    aborted: bool = bit(2)
    id_not_found: bool = bit(4)
    uncorrectable: bool = bit(6)
    crc: bool = bit(7)  # on the cable


class QueuedError(BitStruct, repr=u8):
    """The first byte of the log LOG_QUEUED_ERROR (ACS-2, A.14)."""

    tag: u8 = bits(0, 4)
    not_queued: bool = bit(7)  # it was no queued command that failed


# Device register.
DEVICE_OBSOLETE = 0xA0  # set by all drivers since ATA-1
DEVICE_LBA = 0x40
DEVICE_1 = 0x10
