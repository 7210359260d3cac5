from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u16, u32, u64
from hypervisor.devices import ports
from hypervisor.devices.acpi.layout import PM_TIMER
from hypervisor.devices.board import Board, BoardRequest, board_advance, board_next_deadline, board_reset
from hypervisor.devices.port_claims import CLAIMS
from hypervisor.devices.ports import port_read, port_write
from tests.devices.execution import Run, everywhere

BOARD = storage(Board)
CLAIMED = [port for claim in CLAIMS for port in range(claim.first, claim.first + claim.count)]


def read(run: Run, port: int, width: int = 1, now: int = 0) -> int:
    return int(run(port_read, BOARD, u16(port), u32(width), u64(now))) & (1 << 8 * width) - 1


def write(run: Run, port: int, value: int, width: int = 1, now: int = 0) -> None:
    run(port_write, BOARD, u16(port), u32(width), u32(value), u64(now))


@everywhere
def test_unclaimed_ports_read_ones_and_ignore_writes(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    for port in (0x22, 0x80, 0x1234, 0xFFFF):
        for width in (1, 2, 4):
            write(run, port, 0, width)
            assert read(run, port, width) == (1 << 8 * width) - 1


@everywhere
def test_wide_accesses_to_byte_devices_are_split_lowest_port_first(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    write(run, 0x20, 0x3011, 2)
    write(run, 0x21, 0x04)
    write(run, 0x21, 0x01)
    write(run, 0x21, 0xA5)
    assert read(run, 0x20, 2) == 0xA500
    assert read(run, 0x21, 4) == 0xFFFF_FFA5
    write(run, 0xFFFF, 0xFFFF_FFFF, 4)
    assert read(run, 0xFFFF, 4) | 0xFF00 == 0xFFFF_FFFF


@everywhere
def test_the_pm_timer_follows_the_clock_at_every_width(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    assert read(run, PM_TIMER, 4, 10**9) == 3_579_545
    assert read(run, PM_TIMER, 4, 2000 * 10**9) == 3_579_545 * 2000 & 0xFFFF_FFFF
    assert read(run, PM_TIMER + 1, 1, 10**9) == 3_579_545 >> 8 & 0xFF
    assert read(run, PM_TIMER + 2, 2, 10**9) == 3_579_545 >> 16


@everywhere
def test_the_reset_ports_ask_for_a_reset_on_a_rising_bit(run: Run) -> None:
    for port, before, rising in ((0xCF9, 0x02, 0x06), (0x92, 0x02, 0x03)):
        run(board_reset, BOARD, u64(0))
        write(run, port, before)
        assert not BOARD.attention
        write(run, port, rising)
        assert BOARD.request == BoardRequest.RESET and BOARD.attention


@everywhere
def test_an_earlier_deadline_asks_for_attention(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    for value in (0x34, 0xE8, 0x03):
        assert not BOARD.deadline_changed
        write(run, 0x43 if value == 0x34 else 0x40, value)
    assert BOARD.deadline_changed and BOARD.attention


def test_every_port_has_at_most_one_claim() -> None:
    assert len(CLAIMED) == len(set(CLAIMED))
    assert max(ports.PAGES[page] for page in range(256)) < len(ports.INDEXES) // 256


@everywhere
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.one_of(st.sampled_from(CLAIMED), st.integers(0, 0xFFFF)),
            st.sampled_from([1, 2, 4]),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**34),
        ),
        max_size=50,
    )
)
def test_no_access_to_any_port_traps(run: Run, accesses: list[tuple[bool, int, int, int, int]]) -> None:
    run(board_reset, BOARD, u64(10**9))
    now = 0
    for is_read, port, width, value, step in accesses:
        now += step
        if is_read:
            read(run, port, width, now)
        else:
            write(run, port, value & (1 << 8 * width) - 1, width, now)
        run(board_advance, BOARD, u64(now))
        assert int(run(board_next_deadline, BOARD)) > now
        assert BOARD.deadline.load() == run(board_next_deadline, BOARD)
