"""Making the image of a disk with partitions, and saying what is on one."""

import re
import uuid
import zlib
from dataclasses import dataclass
from pathlib import Path

from hypervisor.config.kinds import size_text
from hypervisor.disk_image.gpt import (
    PartitionEntry,
    name_fits,
    pack_entries,
    pack_header,
    protective_mbr,
    table_blocks,
    usable,
)

SECTOR = 512
ALIGNMENT = 1 << 20
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class DiskImageError(Exception):
    """What is wrong, where, and what to do."""


@dataclass(frozen=True)
class Wanted:
    """A partition to make."""

    name: str
    size: int
    content: Path | None


def parse_partition(text: str) -> Wanted:
    """NAME:SIZE or NAME:SIZE=FILE."""
    match = re.fullmatch(r"([^:=]+):([0-9]{1,9})([KMG])(?:=(.+))?", text)
    if match is None or not name_fits(match[1]):
        raise DiskImageError(f"{text!r} is no partition: write NAME:SIZE or NAME:SIZE=FILE, as in root:512M=root.img")
    wanted = Wanted(match[1], int(match[2]) * UNITS[match[3]], Path(match[4]) if match[4] else None)
    if wanted.size == 0:
        raise DiskImageError(f"partition {wanted.name} is empty: give it a size, as in {wanted.name}:64M")
    if wanted.content is not None and wanted.content.stat().st_size > wanted.size:
        size = wanted.content.stat().st_size
        raise DiskImageError(f"{wanted.content} has {size} bytes, which do not fit into {wanted.name}: make it larger")
    return wanted


def make_image(path: Path, size: int, partitions: list[str], block: int = SECTOR) -> None:
    """Write `path` with `size` bytes, most of them holes. What was there is lost."""
    wanted = [parse_partition(text) for text in partitions]
    names = [each.name for each in wanted]
    if len(set(names)) != len(names):
        raise DiskImageError("two partitions have one name: give each its own, by which a configuration names it")
    blocks = size // block
    first, last = usable(blocks, block)
    entries = []
    start = -(-first * block // ALIGNMENT) * ALIGNMENT
    for each in wanted:
        end = start + -(-each.size // block) * block
        if end // block - 1 > last:
            raise DiskImageError(f"there is no room for {each.name}: {path} needs more than {size_text(size)}")
        entries.append(PartitionEntry(each.name, start // block, end // block - 1, uuid.uuid4()))
        start = -(-end // ALIGNMENT) * ALIGNMENT
    with path.open("wb") as file:
        file.truncate(size)
        table, disk_id = pack_entries(entries), uuid.uuid4()
        file.write(protective_mbr(blocks, block))
        file.write(pack_header(disk_id, table, blocks, block, copy=False) + table)
        file.seek((blocks - 1 - table_blocks(block)) * block)
        file.write(table + pack_header(disk_id, table, blocks, block, copy=True))
        for each, entry in zip(wanted, entries, strict=True):
            if each.content is not None:
                file.seek(entry.first * block)
                file.write(each.content.read_bytes())


def show_image(path: Path, block: int = SECTOR) -> list[str]:
    """One line for the disk and one for each partition."""
    with path.open("rb") as file:
        head = file.read((2 + table_blocks(block)) * block)
    header, table = head[block : block + 92], head[2 * block :]
    if header[:8] != b"EFI PART":
        return [f"{path}: {size_text(path.stat().st_size)}, no partition table"]
    whole = header[:16] + bytes(4) + header[20:]
    if zlib.crc32(whole) != int.from_bytes(header[16:20], "little"):
        raise DiskImageError(f"{path}: its partition table is damaged; repair it with sgdisk -e, or make a new image")
    lines = [f"{path}: {size_text(path.stat().st_size)}, disk {uuid.UUID(bytes_le=header[56:72])}"]
    for place in range(0, len(table), 128):
        entry = table[place : place + 128]
        if any(entry[:16]):
            first, last = (int.from_bytes(entry[at : at + 8], "little") for at in (32, 40))
            name = entry[56:].decode("utf-16-le").rstrip("\0")
            lines.append(f"  {name}: {size_text((last - first + 1) * block)}, {uuid.UUID(bytes_le=entry[16:32])}")
    return lines
