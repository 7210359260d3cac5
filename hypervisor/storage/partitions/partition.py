"""The partitions of the machine's disks, as they were found at the start."""

from __future__ import annotations

from codegen.lang import Array, Field, Span, Struct, count, fn, len, range, span_of, storage, u8, u16, u32, u64, usize
from hypervisor.storage.partitions.layout import NAME_UNITS, GptEntry, Guid

PARTITIONS_MAX = 64
UNPRINTABLE = 0x3F  # "?"


class Partition(Struct):
    """`sectors` of SECTOR bytes from `first` on. The name is padded with NULs; "?" stands for what is not ASCII."""

    disk: Field[u32]
    number: Field[u32]  # on that disk, from 1
    first: Field[u64]
    sectors: Field[u64]
    type: Guid
    id: Guid
    name: Array[u8] = count(NAME_UNITS)

    @fn
    def name_length(self) -> u32:
        """Characters."""
        length = u32(0)
        while length < NAME_UNITS and self.name[length] != 0:
            length = length + 1
        return length

    @fn
    def name_text(self) -> Span:
        """Without the padding."""
        return span_of(self).slice(usize(Partition.name.offset), usize(self.name_length()))


class Partitions(Struct):
    """Of all disks, in their order."""

    partition_count: Field[u32]
    beyond: Field[u32]  # found, but there is no room for them
    partitions: Array[Partition] = count(PARTITIONS_MAX)


PARTITIONS = storage(Partitions)


@fn(cold=True)
def partition_add(entry: GptEntry, disk: u32, number: u32, first: u64, sectors: u64) -> bool:
    """One more; false when there is no room."""
    index = PARTITIONS.partition_count
    if index >= PARTITIONS_MAX:
        PARTITIONS.beyond = PARTITIONS.beyond.wrapping_add(1)
        return False
    PARTITIONS.partition_count = index + 1
    partition = PARTITIONS.partitions[index]
    partition.disk = disk
    partition.number = number
    partition.first = first
    partition.sectors = sectors
    partition.type.copy_from(entry.type)
    partition.id.copy_from(entry.id)
    ended = False
    for i in range(u32(NAME_UNITS)):
        unit = entry.name[i]
        ended = ended or unit == 0
        partition.name[i] = u8(0) if ended else printable(unit)
    return True


@fn(cold=True)
def printable(unit: u16) -> u8:
    """A unit of UTF-16, as ASCII."""
    return u8(unit) if unit >= 0x20 and unit < 0x7F else u8(UNPRINTABLE)


@fn(cold=True)
def partition_named(text: Span) -> u32 | None:
    """The number of the one that has this name or ID. None also when several have this name: nobody guesses."""
    found: u32 | None = None
    for i in range(PARTITIONS.partition_count):
        partition = PARTITIONS.partitions[i]
        if is_id(partition.id, text):
            return i
        if len(text) != 0 and partition.name_text().equals(text):
            if found is not None:
                return None
            found = i
    return found


@fn(cold=True)
def is_id(id: Guid, text: Span) -> bool:
    """Whether the text is this ID, as in 8-4-4-4-12 hexadecimal digits."""
    if len(text) != 36:
        return False
    place = usize(0)
    for i in range(u32(16)):
        if place == 8 or place == 13 or place == 18 or place == 23:
            if text[place] != 0x2D:
                return False
            place = place + 1
        byte = id_byte(id, i)
        if not is_digit(text[place], byte >> 4) or not is_digit(text[place + 1], byte & 15):
            return False
        place = place + 2
    return True


@fn(cold=True)
def id_byte(id: Guid, index: u32) -> u8:
    """The bytes in the order in which they are written."""
    if index < 4:
        return u8.trunc(id.low >> (24 - index * 8))
    if index < 6:
        return u8.trunc(u32(id.middle) >> (40 - index * 8))
    if index < 8:
        return u8.trunc(u32(id.high) >> (56 - index * 8))
    return id.rest[index - 8]


@fn(cold=True)
def is_digit(character: u8, value: u8) -> bool:
    """Whether it is this hexadecimal digit, large or small."""
    if value < 10:
        return character == 0x30 + value
    return character == 0x41 + value - 10 or character == 0x61 + value - 10
