from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from boot.load import firmware as contract
from boot.load.iso9660 import VOLUME_DESCRIPTOR, VolumeDescriptor
from boot.uefi import tables
from boot.uefi.medium import find_medium, read_medium
from codegen.lang import Hpa, bind, phys, phys_span, u8, u64
from tests.boot.uefi_model import Firmware, firmware, node

LOADER, OTHER = 5, 6  # image handles
FIRST, SECOND, PARTITION = 20, 30, 31
PCI, USB_1, USB_10 = node(1, b"\1\7"), node(3, b"\1"), node(3, b"\1\0")
MBR = node(4, bytes(38))


def volume(mark: int, name: bytes = b"KEELBACK") -> bytes:
    content = bytearray([mark]) * (VOLUME_DESCRIPTOR + 4096)
    place = VOLUME_DESCRIPTOR + VolumeDescriptor.volume_id.offset
    content[place : place + len(name)] = name
    return bytes(content)


def start_from(model: Firmware, handle: int) -> None:
    place = model.place(bytes(96))
    phys(tables.LoadedImage, Hpa(place)).device = u64(handle)
    model.add_handle(LOADER, {tables.LOADED_IMAGE: place})


def mark() -> int:
    """The first byte of the drive that was chosen."""
    target = phys_span(Hpa(0x8000), u64(2048))
    assert read_medium(u64(0), target)
    return int(target[0])


@contextmanager
def two_drives(
    first: bytes, second: bytes, paths: tuple[bytes, bytes] = (PCI + USB_10, PCI + USB_1)
) -> Iterator[Firmware]:
    with firmware() as model:
        model.add_drive(FIRST, paths[0], first)
        model.add_drive(SECOND, paths[1], second)
        model.add_drive(PARTITION, paths[1] + MBR, second[4096:], partition=True)
        yield model


def test_the_drive_that_holds_the_loaders_partition_is_taken() -> None:
    with two_drives(volume(1), volume(2)) as model:
        start_from(model, PARTITION)
        assert find_medium(u64(LOADER))
        assert mark() == 2


def test_the_first_drive_is_taken_when_it_holds_the_loaders_partition() -> None:
    with two_drives(volume(1), volume(2)) as model:
        start_from(model, model.add_drive(21, PCI + USB_10 + MBR, b"", partition=True))
        assert find_medium(u64(LOADER))
        assert mark() == 1


def test_a_loader_started_from_a_whole_drive_finds_it() -> None:
    with two_drives(volume(1), volume(2)) as model:
        start_from(model, SECOND)
        assert find_medium(u64(LOADER))
        assert mark() == 2


@pytest.fixture
def said() -> Iterator[bytearray]:
    shown = bytearray()

    def show(byte: u8) -> None:
        shown.append(int(byte))

    bind(contract.show_byte, show)
    yield shown
    bind(contract.show_byte, None)


def test_another_drive_is_taken_only_with_a_word(said: bytearray) -> None:
    with two_drives(volume(1), volume(2, b"DEBIAN")) as model:
        start_from(model, PARTITION)
        assert find_medium(u64(LOADER))
        assert mark() == 1
        assert b"started from does not hold the volume KEELBACK" in said


def test_firmware_that_does_not_say_where_it_started_us_gets_the_first_drive(said: bytearray) -> None:
    with two_drives(volume(1), volume(2)):
        assert find_medium(u64(OTHER))
        assert mark() == 1
        assert said == b""


def test_a_path_without_an_end_is_no_path(said: bytearray) -> None:
    endless = bytes([3, 1, 0, 0])  # a node of length 0
    with two_drives(volume(1), volume(2), (PCI + USB_10, endless)) as model:
        start_from(model, SECOND)
        assert find_medium(u64(LOADER))
        assert mark() == 1


def test_no_drive_with_our_volume_is_found(said: bytearray) -> None:
    with two_drives(volume(1, b"DEBIAN"), volume(2, b"FEDORA")) as model:
        start_from(model, PARTITION)
        assert not find_medium(u64(LOADER))
