from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u16, u32, u64
from hypervisor.devices.board import Board, board_advance, board_next_deadline, board_reset
from hypervisor.devices.clock import NEVER
from hypervisor.devices.pit import CATCH_UP_MAX, pit_advance, pit_ticks_at, pit_time_of
from hypervisor.devices.ports import port_read, port_write
from tests.devices.execution import Run, everywhere

BOARD = storage(Board)
HZ = 1_193_182


def at(tick: int) -> u64:
    return u64(-(-tick * 10**9 // HZ))


def out(run: Run, port: int, value: int, tick: int = 0) -> None:
    run(port_write, BOARD, u16(port), u32(1), u32(value), at(tick))


def inp(run: Run, port: int, tick: int = 0) -> int:
    return int(run(port_read, BOARD, u16(port), u32(1), at(tick))) & 0xFF


def program(run: Run, channel: int, mode: int, count: int, tick: int = 0) -> None:
    out(run, 0x43, channel << 6 | 0x30 | mode << 1, tick)
    out(run, 0x40 + channel, count & 0xFF, tick)
    out(run, 0x40 + channel, count >> 8 & 0xFF, tick)


def latched(run: Run, channel: int, tick: int) -> int:
    out(run, 0x43, channel << 6, tick)
    return inp(run, 0x40 + channel, tick) | inp(run, 0x40 + channel, tick) << 8


class Counter:
    """One counter of the datasheet, clocked tick by tick, its gate high."""

    def __init__(self, mode: int, count: int) -> None:
        self.mode, self.reload = mode, count or 0x10000
        self.pending = True
        self.value, self.out = 0, mode != 0
        self.half_high = True
        self.done = False

    def clock(self) -> None:
        if self.pending:
            self.pending, self.value = False, self.reload
            if self.mode == 3:
                self.high, self.low = (self.reload + 1) // 2, self.reload // 2
                self.left, self.out = self.high, True
            return
        if self.mode == 3:
            self.left -= 1
            if self.left == 0 and (self.low or not self.out):
                self.out = not self.out
                self.left = self.high if self.out else self.low
            elif self.left == 0:
                self.left = self.high
            return
        self.value -= 1
        if self.mode == 2:
            if self.value == 0:
                self.value = self.reload
            self.out = self.value != 1
            return
        self.value &= 0xFFFF
        if self.mode == 0 and self.value == 0:
            self.out = True
        if self.mode == 4:
            self.out = not (self.value == 0 and not self.done)
            self.done = self.done or self.value == 0


@everywhere
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0, 2, 3, 4]), st.integers(2, 40), st.integers(0, 1000), st.lists(st.integers(1, 30), max_size=8)
)
def test_counts_and_output_agree_with_a_clocked_counter(
    run: Run, mode: int, count: int, start: int, steps: list[int]
) -> None:
    run(board_reset, BOARD, u64(0))
    out(run, 0x61, 1, start)
    program(run, 2, mode, count, start)
    model, tick = Counter(mode, count), start
    for step in [1, *steps]:
        for _ in range(step):
            model.clock()
        tick += step
        if mode != 3:
            assert latched(run, 2, tick) == model.value & 0xFFFF
        assert bool(inp(run, 0x61, tick) & 0x20) == model.out


@everywhere
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**63), st.integers(0, 2**40))
def test_ticks_and_nanoseconds_convert_without_drift(run: Run, now: int, tick: int) -> None:
    assert int(run(pit_ticks_at, u64(now))) == now * HZ // 10**9
    assert int(run(pit_time_of, u64(tick))) == -(-tick * 10**9 // HZ)


@everywhere
def test_linux_calibration_sees_output_2_rise_after_the_count(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    out(run, 0x61, 0x01)
    program(run, 2, 0, 11_932, 100)
    assert inp(run, 0x61, 12_032) & 0x20 == 0
    assert inp(run, 0x61, 12_033) & 0x20 != 0


@everywhere
def test_counter_0_raises_irq_0_every_period(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 2, 1000, 0)
    assert int(run(board_next_deadline, BOARD)) == int(at(1001))
    assert not run(pit_advance, BOARD.pit, u64(int(at(1001)) - 1))
    for period in range(1, 5):
        assert run(pit_advance, BOARD.pit, at(1 + 1000 * period))
        assert int(BOARD.pit.deadline) == int(at(1001 + 1000 * period))


@everywhere
def test_a_terminal_count_interrupts_once(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 0, 50, 0)
    assert run(pit_advance, BOARD.pit, at(51))
    assert int(BOARD.pit.deadline) == NEVER
    program(run, 0, 4, 50, 100)
    assert int(BOARD.pit.deadline) == int(at(152))


@everywhere
def test_lost_ticks_are_made_up_for_half_a_period_apart_and_bounded(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 2, 1000, 0)
    tick, fired = 5_001, []
    while tick < 9_000:
        if run(pit_advance, BOARD.pit, at(tick)):
            fired.append(tick)
        tick = int(run(pit_ticks_at, BOARD.pit.deadline))
    assert fired[:6] == [5001, 5501, 6001, 6501, 7001, 7501]
    assert len(fired) == 8
    count, tick = 0, 1_000_001
    while tick < 1_000_000 + 1000 * (CATCH_UP_MAX + 2):
        count += bool(run(pit_advance, BOARD.pit, at(tick)))
        tick = int(run(pit_ticks_at, BOARD.pit.deadline))
    assert 2 * CATCH_UP_MAX <= count <= 2 * CATCH_UP_MAX + 4


@everywhere
def test_a_period_of_one_tick_does_not_storm(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 2, 1, 0)
    tick = 2
    for _ in range(20):
        run(board_advance, BOARD, at(tick))
        deadline = int(run(board_next_deadline, BOARD))
        assert deadline >= int(at(tick + 60))
        tick += 60


@everywhere
def test_a_new_count_of_a_running_square_wave_waits_for_the_period(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 2, 1000, 0)
    out(run, 0x40, 100, 300)
    out(run, 0x40, 0, 300)
    assert latched(run, 0, 401) == 600
    assert latched(run, 0, 1001) == 100
    assert run(pit_advance, BOARD.pit, at(1001))
    assert int(BOARD.pit.deadline) == int(at(1101))


@everywhere
def test_read_back_latches_status_then_count(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 2, 1000, 0)
    out(run, 0x43, 0xC2, 501)
    assert inp(run, 0x40, 600) == 0x80 | 0x30 | 0x04
    assert inp(run, 0x40, 600) | inp(run, 0x40, 600) << 8 == 500
    out(run, 0x43, 0x30, 700)
    out(run, 0x43, 0xE2, 700)
    assert inp(run, 0x40, 700) == 0x40 | 0x30


@everywhere
def test_bcd_counts_decimally(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    out(run, 0x43, 0x35)
    out(run, 0x40, 0x00)
    out(run, 0x40, 0x10)
    assert latched(run, 0, 1 + 1) == 0x0999
    out(run, 0x43, 0x35)
    out(run, 0x40, 0)
    out(run, 0x40, 0)
    assert latched(run, 0, 2) == 0x9999


@everywhere
def test_the_gate_of_counter_2_stops_and_goes_on(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    out(run, 0x61, 1)
    program(run, 2, 0, 1000, 0)
    out(run, 0x61, 0, 101)
    assert latched(run, 2, 500) == 900
    out(run, 0x61, 1, 501)
    assert latched(run, 2, 601) == 800


@everywhere
def test_a_rising_gate_triggers_the_one_shot(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 2, 1, 100, 0)
    assert inp(run, 0x61, 50) & 0x20
    out(run, 0x61, 1, 50)
    assert inp(run, 0x61, 60) & 0x20 == 0
    assert inp(run, 0x61, 151) & 0x20


@everywhere
def test_the_refresh_bit_toggles(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    seen = [int(run(port_read, BOARD, u16(0x61), u32(1), u64(15_085 * i + 1))) & 0x10 for i in range(4)]
    assert seen == [0, 16, 0, 16]


@everywhere
def test_a_square_wave_counts_down_by_two_twice_in_a_period(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    program(run, 0, 3, 1000)
    first = latched(run, 0, 1)
    counts = [latched(run, 0, 1 + tick) for tick in (10, 100, 499, 500, 510, 999, 1000)]
    assert first == 1000
    assert counts == [980, 800, 2, 1000, 980, 2, 1000]


@everywhere
def test_a_count_of_one_byte_is_low_or_high_as_the_control_word_says(run: Run) -> None:
    run(board_reset, BOARD, u64(0))
    out(run, 0x43, 0x14)  # counter 0, low byte, mode 2
    out(run, 0x40, 0x80)
    out(run, 0x43, 0x00, 11)
    assert inp(run, 0x40, 11) == 0x80 - 10
    out(run, 0x43, 0x24, 20)  # high byte
    out(run, 0x40, 0x80, 20)
    out(run, 0x43, 0x00, 21 + 0x100)
    assert inp(run, 0x40, 21 + 0x100) == 0x7F
