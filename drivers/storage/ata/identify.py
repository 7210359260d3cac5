"""What IDENTIFY DEVICE gives: 256 words (ATA/ATAPI-7, volume 1, 6.17; ACS-2, 7.16)."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Struct, at, bit, bits, u8, u16, u32, u64

IDENTIFY_BYTES = 512
CHECKED = 0xA5  # the low byte of word 255: its high byte makes the sum of all bytes zero


class IdentifyCapabilities(BitStruct, repr=u16):
    """Word 49."""

    dma: bool = bit(8)
    lba: bool = bit(9)


class IdentifyModes(BitStruct, repr=u16):
    """Word 63 (multiword DMA) and word 88 (Ultra DMA)."""

    offered: u8 = bits(0, 7)
    selected: u8 = bits(8, 15)  # at most one bit in both words


class IdentifySata(BitStruct, repr=u16):
    """Word 76; 0 and FFFFh: no SATA device."""

    queues: bool = bit(8)  # NCQ


class IdentifyFeatures1(BitStruct, repr=u16):
    """Word 82: has it; word 85: is on."""

    write_cache: bool = bit(5)


class IdentifyFeatures2(BitStruct, repr=u16):
    """Word 83: has it; `valid` is 1 where words 82 to 84 mean anything."""

    wide: bool = bit(10)  # 48-bit addresses
    flush: bool = bit(12)
    flush_wide: bool = bit(13)
    valid: u8 = bits(14, 15)


class IdentifySectorSize(BitStruct, repr=u16):
    """Word 106; `valid` is 1 where it means anything."""

    long: bool = bit(12)  # logical sectors have more than 512 bytes: words 117 and 118
    valid: u8 = bits(14, 15)


class IdentifyData(Struct, size=512):
    """The words that we read; texts have the two characters of each word swapped."""

    serial: Array[u8] = at(2 * 10, count=20)
    firmware: Array[u8] = at(2 * 23, count=8)
    model: Array[u8] = at(2 * 27, count=40)
    capabilities: Field[IdentifyCapabilities] = at(2 * 49)
    sectors: Field[u32] = at(2 * 60)  # by 28-bit addresses
    multiword_dma: Field[IdentifyModes] = at(2 * 63)
    queue_depth: Field[u16] = at(2 * 75)  # bits 4:0, less 1
    sata: Field[IdentifySata] = at(2 * 76)
    features1: Field[IdentifyFeatures1] = at(2 * 82)
    features2: Field[IdentifyFeatures2] = at(2 * 83)
    enabled1: Field[IdentifyFeatures1] = at(2 * 85)
    ultra_dma: Field[IdentifyModes] = at(2 * 88)
    sectors_wide: Field[u64] = at(2 * 100)  # by 48-bit addresses
    sector_size: Field[IdentifySectorSize] = at(2 * 106)
    sector_words_low: Field[u16] = at(2 * 117)  # bytes of a logical sector, by two
    sector_words_high: Field[u16] = at(2 * 118)
    trim: Field[u16] = at(2 * 169)  # bit 0
    integrity: Field[u16] = at(2 * 255)
