"""A GUID partition table as bytes (UEFI 2.10, 5.3), with the layouts that ring 0 reads it by. Runs on the host."""

import uuid
import zlib
from dataclasses import dataclass

from codegen.lang import Local, sizeof, span_of
from hypervisor.layout_bytes import bytes_of
from hypervisor.storage.partitions.layout import (
    ENTRIES_MAX,
    ENTRY_BYTES,
    HEADER_BYTES,
    NAME_UNITS,
    REVISION,
    SIGNATURE,
    GptEntry,
    GptHeader,
    Guid,
)

LINUX_DATA = uuid.UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")


@dataclass(frozen=True)
class PartitionEntry:
    """One partition; both ends are blocks that belong to it."""

    name: str
    first: int
    last: int
    id: uuid.UUID
    type: uuid.UUID = LINUX_DATA


def table_blocks(block: int) -> int:
    """How many blocks the entries take."""
    return ENTRIES_MAX * ENTRY_BYTES // block


def usable(blocks: int, block: int) -> tuple[int, int]:
    """The first and the last block that partitions can have."""
    return 2 + table_blocks(block), blocks - table_blocks(block) - 2


def protective_mbr(blocks: int, block: int) -> bytes:
    """The first block (5.2.3)."""
    entry = bytes([0, 0, 2, 0, 0xEE, 0xFF, 0xFF, 0xFF]) + (1).to_bytes(4, "little")
    entry += min(blocks - 1, 0xFFFF_FFFF).to_bytes(4, "little")
    return (bytes(446) + entry + bytes(48) + b"\x55\xaa").ljust(block, b"\0")


def pack_entries(partitions: list[PartitionEntry]) -> bytes:
    """All entries of the table."""
    packed = b""
    for partition in partitions:
        entry = Local(GptEntry)
        put_guid(entry.type, partition.type)
        put_guid(entry.id, partition.id)
        entry.first_block, entry.last_block = partition.first, partition.last
        units = partition.name.encode("utf-16-le")
        for place in range(len(units) // 2):
            entry.name[place] = int.from_bytes(units[2 * place : 2 * place + 2], "little")
        packed += bytes_of(span_of(entry))
    return packed.ljust(ENTRIES_MAX * ENTRY_BYTES, b"\0")


def put_guid(cell: Guid, value: uuid.UUID) -> None:
    cell.low, cell.middle, cell.high = value.fields[0], value.fields[1], value.fields[2]
    for place, byte in enumerate(value.bytes[8:]):
        cell.rest[place] = byte


def pack_header(disk_id: uuid.UUID, entries: bytes, blocks: int, block: int, copy: bool) -> bytes:
    """The header, or its copy for the last block."""
    header = Local(GptHeader)
    header.signature, header.revision, header.header_bytes = SIGNATURE, REVISION, HEADER_BYTES
    header.own_block, header.other_block = (blocks - 1, 1) if copy else (1, blocks - 1)
    header.first_usable, header.last_usable = usable(blocks, block)
    header.entries_block = blocks - 1 - table_blocks(block) if copy else 2
    header.entry_count, header.entry_bytes = ENTRIES_MAX, ENTRY_BYTES
    header.entries_sum = zlib.crc32(entries)
    packed = bytearray(bytes_of(span_of(header)))
    packed[56:72] = disk_id.bytes_le
    packed[16:20] = zlib.crc32(packed[: sizeof(GptHeader)]).to_bytes(4, "little")
    return bytes(packed).ljust(block, b"\0")


def name_fits(name: str) -> bool:
    """Whether the table has room for it."""
    return 0 < len(name.encode("utf-16-le")) // 2 <= NAME_UNITS
