from __future__ import annotations

import pytest

from codegen.lang import Hpa, u8, u16, u32
from drivers.acpi.root import acpi_start
from drivers.pci.config import (
    config_end,
    pci_read8,
    pci_read16,
    pci_read32,
    pci_write8,
    pci_write16,
    pci_write32,
)
from drivers.pci.windows import WINDOWS, WINDOWS_MAX, window_drop, window_of, windows_find, windows_use_ports
from tests.drivers.test_acpi import PLACE
from tests.pci.execution import Run, address, attach, begin, both_ways, everywhere
from tests.pci.fronts import WINDOW, Entry, Window, put_mcfg
from tests.pci.machine import Function, Host

END = {"ports": 256, "window": 4096}
READS = {1: pci_read8, 2: pci_read16, 4: pci_read32}
WRITES = {1: (pci_write8, u8), 2: (pci_write16, u16), 4: (pci_write32, u32)}


def scratch() -> Function:
    """A function with registers of every value, all of them writable from 40h on."""
    function = Function()
    function.bytes[0x40:] = bytes((i * 7 + (i >> 8)) & 0xFF for i in range(0x40, 4096))
    function.writable[0x40:] = b"\xff" * (4096 - 0x40)
    return function


@everywhere
@both_ways
def test_every_width_reaches_its_register_and_no_other(run: Run, way: str) -> None:
    function = scratch()
    attach(run, Host({0: {(3, 5): function}}), way)
    place = address(0, 3, 5)
    assert run(config_end, place) == u32(END[way])
    for register in [*range(0x40, 0x48), 0xFC, 0xFD, 0xFE, 0xFF, *range(END[way] - 4, END[way])]:
        for width in (1, 2, 4):
            if register % width == 0:
                assert int(run(READS[width], place, u32(register))) == function.get(register, width)
                before = bytearray(function.bytes)
                write, number = WRITES[width]
                value = (0xA5C3_96E1 + register) & (1 << 8 * width) - 1
                run(write, place, u32(register), number(value))
                before[register : register + width] = value.to_bytes(width, "little")
                assert function.bytes == before


@everywhere
@both_ways
def test_low_bits_of_a_register_do_not_count(run: Run, way: str) -> None:
    function = scratch()
    attach(run, Host({0: {(3, 0): function}}), way)
    assert int(run(pci_read32, address(0, 3), u32(0x47))) == function.get(0x44, 4)
    assert int(run(pci_read16, address(0, 3), u32(0x47))) == function.get(0x46, 2)


@everywhere
@both_ways
def test_where_nothing_is_reads_give_all_ones_and_writes_go_nowhere(run: Run, way: str) -> None:
    function = scratch()
    attach(run, Host({0: {(3, 0): function}}), way)
    before = bytes(function.bytes)
    for place, register in ((address(0, 4), 0), (address(9, 3), 0x40), (address(0, 3, 0, segment=1), 0x40)):
        assert int(run(pci_read32, place, u32(register))) == 0xFFFF_FFFF
        run(pci_write32, place, u32(register), u32(0))
    for register in (END[way], 4096, 0x1_0040, 0xFFFF_FFFC):
        assert int(run(pci_read8, address(0, 3), u32(register))) == 0xFF
        assert int(run(pci_read16, address(0, 3), u32(register))) == 0xFFFF
        run(pci_write32, address(0, 3), u32(register), u32(0))
    assert bytes(function.bytes) == before


def windows(run: Run, *entries: Entry, cut: int = 0) -> list[tuple[int, int, int]]:
    """Segment, first and last bus of those that the table's entries make."""
    begin()
    put_mcfg(*entries, cut=cut)
    assert run(acpi_start, Hpa(PLACE))
    run(windows_find)
    return known()


def known() -> list[tuple[int, int, int]]:
    each = [WINDOWS.windows[i] for i in range(int(WINDOWS.window_count))]
    return [(int(window.segment), int(window.first_bus), int(window.last_bus)) for window in each]


@everywhere
def test_segments_and_bus_ranges_have_windows_of_their_own(run: Run) -> None:
    entries = ((WINDOW, 0, 0, 0x3F), (0x10_0000_0000, 1, 0, 255), (0x20_0000_0000, 0, 0x80, 0xFF))
    assert windows(run, *entries) == [(0, 0, 0x3F), (1, 0, 255), (0, 0x80, 0xFF)]
    high = run(window_of, u16(0), u8(0x81))
    assert int(high.start()) == 0x20_0000_0000 + (0x80 << 20) and int(high.bytes()) == 0x80 << 20
    assert run(window_of, u16(0), u8(0x40)) is None and run(window_of, u16(2), u8(0)) is None
    function = scratch()
    Window(Host({0x81: {(0, 0): function}}), 0x20_0000_0000, 0x80, 0x80)
    assert int(run(pci_read32, address(0x81, 0), u32(0x100))) == function.get(0x100, 4)


@everywhere
@pytest.mark.parametrize(
    "entry",
    [
        (0, 0, 0, 255),
        (WINDOW + 0x8000, 0, 0, 255),
        (WINDOW, 0, 9, 8),
        (1 << 52, 0, 0, 255),
        (0xFFFF_FFFF_FFF0_0000, 0, 0, 255),
        (WINDOW, 7, 200, 210),
        (WINDOW, 7, 0, 255),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(run: Run, entry: Entry) -> None:
    first = (0x10_0000_0000, 7, 100, 200)
    assert windows(run, first, entry) == [(7, 100, 200)]
    assert int(WINDOWS.refused) == 1


@everywhere
@pytest.mark.parametrize("cut", [1, 15, 16, 17, 24, 31])
def test_a_table_that_ends_early_has_the_entries_that_are_whole(run: Run, cut: int) -> None:
    assert len(windows(run, (WINDOW, 0, 0, 9), (WINDOW, 0, 10, 255), cut=cut)) == (1 if cut <= 16 else 0)


@everywhere
def test_more_windows_than_there_is_room_for_are_refused(run: Run) -> None:
    entries = [(WINDOW, segment, 0, 255) for segment in range(20)]
    assert windows(run, *entries) == [(segment, 0, 255) for segment in range(WINDOWS_MAX)]
    assert int(WINDOWS.refused) == 4


@everywhere
def test_ports_take_segment_0_and_leave_the_others(run: Run) -> None:
    windows(run, (WINDOW, 0, 0, 9), (WINDOW, 1, 0, 255), (WINDOW, 0, 10, 20))
    run(windows_use_ports)
    assert known() == [(1, 0, 255), (0, 0, 255)]
    windows(run, *[(WINDOW, segment, 0, 255) for segment in range(1, 17)])
    run(windows_use_ports)
    assert len(known()) == WINDOWS_MAX and known()[-1] == (0, 0, 255)


@everywhere
def test_a_window_that_is_dropped_is_gone(run: Run) -> None:
    windows(run, (WINDOW, 0, 0, 9), (WINDOW, 1, 0, 255), (WINDOW, 2, 10, 20))
    run(window_drop, u32(0))
    assert known() == [(2, 10, 20), (1, 0, 255)]
    run(window_drop, u32(1))
    assert known() == [(2, 10, 20)]
