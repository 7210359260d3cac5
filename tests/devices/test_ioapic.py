from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Gpa, storage, u32, u64
from hypervisor.devices.board import Board, board_reset, board_set_line
from hypervisor.devices.ioapic import ioapic_requests, ioapic_sent
from hypervisor.devices.mmio import mmio_read, mmio_write
from tests.devices.execution import Run, everywhere

BOARD = storage(Board)
BASE = 0xFEC0_0000
LEVEL, MASKED, REMOTE_IRR = 1 << 15, 1 << 16, 1 << 14


def put(run: Run, offset: int, value: int, width: int = 4) -> None:
    run(mmio_write, BOARD, Gpa(BASE + offset), u32(width), u64(value))


def get(run: Run, offset: int, width: int = 4) -> int:
    return int(run(mmio_read, BOARD, Gpa(BASE + offset), u32(width)))


def write(run: Run, register: int, value: int) -> None:
    put(run, 0, register)
    put(run, 0x10, value)


def read(run: Run, register: int) -> int:
    put(run, 0, register)
    return get(run, 0x10)


def route(run: Run, pin: int, low: int, destination: int = 0) -> None:
    write(run, 0x11 + 2 * pin, destination << 24)
    write(run, 0x10 + 2 * pin, low)


def requests(run: Run) -> int:
    return int(run(ioapic_requests, BOARD.ioapic))


def line(run: Run, irq: int, up: bool) -> None:
    run(board_set_line, BOARD, u32(irq), up)


@everywhere
def test_24_masked_pins_after_reset_and_version_20(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    assert read(run, 1) == 0x17_0020
    assert [read(run, 0x10 + 2 * pin) for pin in range(25)] == [MASKED] * 24 + [0]
    write(run, 0, 0xFFFF_FFFF)
    assert (read(run, 0), read(run, 2)) == (0x0F00_0000, 0x0F00_0000)


@everywhere
def test_isa_irq_0_comes_in_at_pin_2_and_the_others_at_their_own(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    for pin in range(24):
        route(run, pin, 0x30 + pin)
    for irq, pin in ((0, 2), (1, 1), (4, 4), (15, 15), (16, 16), (23, 23)):
        line(run, irq, True)
        assert requests(run) == 1 << pin
        run(ioapic_sent, BOARD.ioapic, u32(pin))
    for irq in (2, 24, 32, 0xFFFF_FFFF):
        line(run, irq, True)
        assert requests(run) == 0


@everywhere
def test_an_edge_at_a_masked_pin_is_lost_and_a_level_is_not(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    route(run, 4, MASKED | 0x30)
    route(run, 9, MASKED | LEVEL | 0x31)
    line(run, 4, True)
    line(run, 9, True)
    route(run, 4, 0x30)
    route(run, 9, LEVEL | 0x31)
    assert requests(run) == 1 << 9
    line(run, 9, False)
    assert requests(run) == 0


@everywhere
def test_a_level_waits_for_its_eoi_and_asks_again_while_up(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    route(run, 9, LEVEL | 0x31)
    line(run, 9, True)
    run(ioapic_sent, BOARD.ioapic, u32(9))
    assert requests(run) == 0
    assert read(run, 0x10 + 18) & REMOTE_IRR
    put(run, 0x40, 0x32)
    assert requests(run) == 0
    put(run, 0x40, 0x31)
    assert requests(run) == 1 << 9
    assert BOARD.attention
    run(ioapic_sent, BOARD.ioapic, u32(9))
    route(run, 9, MASKED | 0x31)
    assert read(run, 0x10 + 18) & REMOTE_IRR == 0


@everywhere
def test_read_only_bits_and_reserved_bits_cannot_be_written(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    write(run, 0x10, 0xFFFF_FFFF)
    write(run, 0x11, 0xFFFF_FFFF)
    assert read(run, 0x10) == 0x1_AFFF
    assert read(run, 0x11) == 0xFF00_0000


@everywhere
def test_other_offsets_and_other_pages_have_a_defined_answer(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    put(run, 0, 1)
    for offset in (1, 4, 0x11, 0x20, 0x40, 0xFFF):
        assert get(run, offset) == 0
    assert get(run, 0x1000) == 2**64 - 1
    assert int(run(mmio_read, BOARD, Gpa(0xFED0_0000), u32(4))) == 2**64 - 1
    put(run, 0x1000, 5)
    assert get(run, 0) == 1


@everywhere
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 0x50), st.integers(0, 2**64 - 1), st.sampled_from([1, 2, 4, 8]), st.integers(0, 40)),
        max_size=40,
    )
)
def test_no_access_traps_and_only_real_pins_ever_ask(run: Run, accesses: list[tuple[int, int, int, int]]) -> None:
    run(board_reset, BOARD, u64(0))
    for offset, value, width, pin in accesses:
        put(run, offset & 0x50, value, width)
        get(run, offset, width)
        line(run, pin, bool(value & 1))
        assert requests(run) < 1 << 24
