import struct
from collections.abc import Iterator

import pytest

from boot.load import firmware
from boot.load.iso9660 import Extent, MediumError, find_file, open_volume
from codegen.lang import Local, Span, bind, span, u64

SECTOR = 2048


def record(name: bytes, extent: int, size: int, flags: int = 0) -> bytes:
    body = struct.pack("<BBI4xI4x7xB", 0, 0, extent, size, flags).ljust(32, b"\0") + bytes([len(name)]) + name
    body += b"\0" * (len(body) % 2)
    return bytes([len(body)]) + body[1:]


def volume(records: list[bytes], sectors: int = 100) -> bytearray:
    medium = bytearray(sectors * SECTOR)
    descriptor = bytearray(SECTOR)
    descriptor[0:7] = b"\x01CD001\x01"
    descriptor[80:84] = struct.pack("<I", sectors)
    descriptor[156:190] = record(b"\0", 20, SECTOR, 2).ljust(34, b"\0")
    medium[16 * SECTOR : 17 * SECTOR] = descriptor
    directory = b"".join([record(b"\0", 20, SECTOR, 2), record(b"\1", 20, SECTOR, 2), *records])
    medium[20 * SECTOR : 20 * SECTOR + len(directory)] = directory
    return medium


@pytest.fixture
def medium() -> Iterator[bytearray]:
    content = bytearray()

    def read(offset: u64, target: Span) -> bool:
        start, size = int(offset), int(target._length)
        if start + size > len(content):
            return False
        target.copy_from(span(bytes(content[start : start + size])))
        return True

    bind(firmware.read_medium, read)
    yield content
    bind(firmware.read_medium, None)


def look_up(name: bytes) -> MediumError | tuple[int, int]:
    root, found = Local(Extent), Local(Extent)
    error = open_volume(root)
    if error is None:
        error = find_file(root, span(name), found)
    return error if error is not None else (int(found.offset), int(found.size))


def test_a_file_is_found_by_its_whole_name(medium: bytearray) -> None:
    medium[:] = volume([record(b"VTX.ELF;10", 30, 1), record(b"VTX.ELF;1", 31, 5000)])
    assert look_up(b"VTX.ELF;1") == (31 * SECTOR, 5000)
    assert look_up(b"VTX.ELF") == MediumError.NOT_FOUND


def test_records_of_later_sectors_are_found(medium: bytearray) -> None:
    medium[:] = volume([])
    medium[16 * SECTOR + 156 + 10 : 16 * SECTOR + 156 + 14] = struct.pack("<I", 2 * SECTOR)
    later = record(b"A.B;1", 40, 7)
    medium[21 * SECTOR : 21 * SECTOR + len(later)] = later
    assert look_up(b"A.B;1") == (40 * SECTOR, 7)


def test_a_medium_of_another_kind_is_refused(medium: bytearray) -> None:
    medium[:] = bytes(100 * SECTOR)
    assert look_up(b"A.B;1") == MediumError.NOT_ISO_9660


def test_a_medium_that_fails_is_told_apart(medium: bytearray) -> None:
    assert look_up(b"A.B;1") == MediumError.UNREADABLE


def test_a_file_outside_the_volume_is_refused(medium: bytearray) -> None:
    medium[:] = volume([record(b"A.B;1", 99, SECTOR + 1), record(b"C.D;1", 0xFFFFFFFF, 0xFFFFFFFF)])
    assert look_up(b"A.B;1") == MediumError.DAMAGED
    assert look_up(b"C.D;1") == MediumError.DAMAGED


def test_a_file_of_several_extents_is_refused(medium: bytearray) -> None:
    medium[:] = volume([record(b"A.B;1", 30, SECTOR, 0x80)])
    assert look_up(b"A.B;1") == MediumError.DAMAGED


def test_a_record_longer_than_its_sector_ends_the_search(medium: bytearray) -> None:
    medium[:] = volume([b"\xff" * 40, record(b"A.B;1", 30, 1)])
    assert look_up(b"A.B;1") == MediumError.NOT_FOUND


def test_a_directory_of_absurd_size_ends_the_search(medium: bytearray) -> None:
    medium[:] = volume([])
    medium[16 * SECTOR + 156 + 10 : 16 * SECTOR + 156 + 14] = struct.pack("<I", 80 * SECTOR)
    assert look_up(b"A.B;1") == MediumError.NOT_FOUND
