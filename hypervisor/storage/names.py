"""What a disk of the machine is called: by its kind and its number among them (nvme0, sata1), or by its serial
number."""

from __future__ import annotations

from codegen.lang import Span, fn, len, range, span, span_of, u32, usize
from drivers.storage.disk import DISKS, MODEL_BYTES, SERIAL_BYTES, Disk, DiskDriver

SPACE = 0x20
DIGIT_0, DIGIT_9 = 0x30, 0x39
ORDINAL_LIMIT = 1000


@fn(cold=True)
def disk_kind(disk: Disk) -> Span:
    """The first part of its name."""
    match disk.driver:
        case DiskDriver.NVME:
            return span(b"nvme")
        case DiskDriver.AHCI:
            return span(b"sata")
        case DiskDriver.VIRTIO:
            return span(b"virtio")
        case DiskDriver.ATA:
            return span(b"ata")
        case DiskDriver.NONE:
            return span(b"none")


@fn(cold=True)
def disk_ordinal(number: u32) -> u32:
    """The second: how many of its kind come before disk `number`."""
    before = u32(0)
    for i in range(number):
        if DISKS.disks[i].driver == DISKS.disks[number].driver:
            before = before + 1
    return before


@fn(cold=True)
def disk_serial(disk: Disk) -> Span:
    """Its serial number, without what pads it."""
    return trimmed(span_of(disk).slice(usize(Disk.serial.offset), usize(SERIAL_BYTES)))


@fn(cold=True)
def disk_model(disk: Disk) -> Span:
    """What its maker calls it."""
    return trimmed(span_of(disk).slice(usize(Disk.model.offset), usize(MODEL_BYTES)))


@fn(cold=True)
def trimmed(text: Span) -> Span:
    """Without NULs and spaces at its ends."""
    start, end = usize(0), len(text)
    while end > start and (text[end - 1] == 0 or text[end - 1] == SPACE):
        end = end - 1
    while start < end and text[start] == SPACE:
        start = start + 1
    return text.slice(start, end - start)


@fn(cold=True)
def disk_called(text: Span) -> u32 | None:
    """The number of the disk with this name or serial number; None also when several have this serial number."""
    found: u32 | None = None
    for number in range(DISKS.disk_count):
        if is_name(number, text):
            return number
        if len(text) != 0 and disk_serial(DISKS.disks[number]).equals(text):
            if found is not None:
                return None
            found = number
    return found


@fn(cold=True)
def is_name(number: u32, text: Span) -> bool:
    """Whether it is disk `number`'s."""
    kind = disk_kind(DISKS.disks[number])
    if len(text) <= len(kind) or not text.slice(usize(0), len(kind)).equals(kind):
        return False
    if text[len(kind)] == DIGIT_0 and len(text) != len(kind) + 1:
        return False
    ordinal = u32(0)
    for i in range(len(kind), len(text)):
        if text[i] < DIGIT_0 or text[i] > DIGIT_9 or ordinal >= ORDINAL_LIMIT:
            return False
        ordinal = ordinal * 10 + u32(text[i]) - DIGIT_0
    return ordinal == disk_ordinal(number)
