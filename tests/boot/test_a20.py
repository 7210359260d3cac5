from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from boot.bios.a20 import PROBE, a20_is_on, enable_a20
from boot.bios.main import loader_main
from boot.load import firmware
from codegen.lang import Hpa, bind, host, u8
from tests.boot.old_pc import old_pc

WAYS = ["bios", "port 92h", "keyboard controller"]


@pytest.mark.parametrize("way", WAYS)
def test_the_one_way_that_works_is_found(way: str) -> None:
    with old_pc(way) as pc:
        assert not a20_is_on()
        assert enable_a20()
        assert a20_is_on()
        assert pc.tried == WAYS[: WAYS.index(way) + 1]
        assert not pc.was_reset


def test_a_line_that_is_on_is_left_alone() -> None:
    with old_pc("bios") as pc:
        pc.tried.append("the firmware itself")
        pc.switch("bios")
        pc.tried.clear()
        assert enable_a20()
        assert pc.tried == []


def test_a_line_that_stays_off_is_told_after_every_way_was_tried() -> None:
    with old_pc() as pc:
        assert not enable_a20()
        assert pc.tried == WAYS
        assert not pc.was_reset


def test_the_probed_word_keeps_its_value() -> None:
    with old_pc("port 92h"):
        host.memory.write(Hpa(PROBE), b"BIOS")
        assert enable_a20()
        assert host.memory.read(Hpa(PROBE), 4) == b"BIOS"


def test_an_echo_by_chance_is_no_echo() -> None:
    with old_pc("bios") as pc:
        pc.switch("bios")
        host.memory.write(Hpa(PROBE + (1 << 20)), (0x1234_5678).to_bytes(4, "little"))
        assert a20_is_on()


class Stopped(Exception):
    """The loader has halted."""


@contextmanager
def screen() -> Iterator[bytearray]:
    shown = bytearray()

    def halt() -> None:
        raise Stopped

    def show(byte: u8) -> None:
        shown.append(int(byte))

    bind(firmware.show_byte, show)
    bind(firmware.halt, halt)
    try:
        yield shown
    finally:
        bind(firmware.show_byte, None)
        bind(firmware.halt, None)


def test_the_loader_says_what_to_do_when_the_line_stays_off() -> None:
    with old_pc(), screen() as shown, pytest.raises(Stopped):
        loader_main()
    assert shown == b"Keelback: address line A20 stays off. Enable it (Gate A20) in the firmware setup.\n"
