from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u16, u32, u64
from hypervisor.devices.board import Board, board_advance, board_next_deadline, board_reset
from hypervisor.devices.clock import NEVER
from hypervisor.devices.ports import port_read, port_write
from hypervisor.devices.rtc_calendar import CalendarTime, calendar_from_seconds, seconds_from_calendar, seconds_to_alarm
from hypervisor.devices.rtc_memory import cmos_describe_memory
from tests.devices.execution import Run, everywhere

BOARD = storage(Board)
TIME = storage(CalendarTime)
SECOND = 10**9
START = int(datetime.datetime(2024, 2, 28, 23, 59, 58, tzinfo=datetime.UTC).timestamp())


def get(run: Run, index: int, now: int = 0) -> int:
    run(port_write, BOARD, u16(0x70), u32(1), u32(index | 0x80), u64(now))
    return int(run(port_read, BOARD, u16(0x71), u32(1), u64(now))) & 0xFF


def put(run: Run, index: int, value: int, now: int = 0) -> None:
    run(port_write, BOARD, u16(0x70), u32(1), u32(index), u64(now))
    run(port_write, BOARD, u16(0x71), u32(1), u32(value), u64(now))


def word(run: Run, index: int) -> int:
    return get(run, index) | get(run, index + 1) << 8


def clock(run: Run, now: int = 0) -> list[int]:
    return [get(run, index, now) for index in (0x32, 9, 8, 7, 4, 2, 0)]


@everywhere
@settings(max_examples=100, deadline=None)
@given(st.integers(0, int(datetime.datetime(9999, 12, 31, tzinfo=datetime.UTC).timestamp())))
def test_the_calendar_agrees_with_datetime(run: Run, seconds: int) -> None:
    run(calendar_from_seconds, u64(seconds), TIME)
    expected = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    shown = datetime.datetime(
        int(TIME.year), int(TIME.month), int(TIME.day), int(TIME.hour), int(TIME.minute), int(TIME.second)
    )
    assert shown == expected
    assert int(TIME.weekday) == expected.isoweekday() % 7 + 1
    assert int(run(seconds_from_calendar, TIME)) == seconds


def alarm_by_search(now: int, hour: int, minute: int, second: int) -> int:
    for distance in range(1, 86_401):
        t = (now + distance) % 86_400
        if (
            (hour == 0xFF or t // 3600 == hour)
            and (minute == 0xFF or t // 60 % 60 == minute)
            and (second == 0xFF or t % 60 == second)
        ):
            return distance
    return 0


@everywhere
@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 86_399),
    st.one_of(st.just(0xFF), st.integers(0, 25)),
    st.one_of(st.just(0xFF), st.integers(0, 61)),
    st.one_of(st.just(0xFF), st.integers(0, 61)),
)
def test_the_next_alarm_is_the_first_match(run: Run, now: int, hour: int, minute: int, second: int) -> None:
    found = int(run(seconds_to_alarm, u32(now), u32(hour), u32(minute), u32(second)))
    assert found == alarm_by_search(now, hour, minute, second)


@everywhere
def test_the_clock_starts_at_the_given_time_in_24_hour_bcd_and_runs_with_the_vms_clock(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    assert clock(run) == [0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x58]
    assert clock(run, 2 * SECOND) == [0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x00]
    assert get(run, 6, 2 * SECOND) == 5


@everywhere
def test_binary_and_12_hour_formats(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    put(run, 0x0B, 0x06)
    assert clock(run)[4:] == [23, 59, 58]
    put(run, 0x0B, 0x04)
    assert clock(run)[4:] == [0x80 | 11, 59, 58]
    put(run, 0x0B, 0x00)
    assert get(run, 4) == 0x91
    assert get(run, 4, 2 * SECOND) == 0x12


@everywhere
def test_a_time_set_under_set_is_taken_when_set_is_cleared(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    put(run, 0x0B, 0x82)
    for index, value in ((0, 0x30), (2, 0x45), (4, 0x12), (7, 0x31), (8, 0x12), (9, 0x99), (0x32, 0x19)):
        put(run, index, value, 5 * SECOND)
    assert clock(run, 9 * SECOND) == [0x19, 0x99, 0x12, 0x31, 0x12, 0x45, 0x30]
    put(run, 0x0B, 0x02, 10 * SECOND)
    assert clock(run, 11 * SECOND) == [0x19, 0x99, 0x12, 0x31, 0x12, 0x45, 0x31]


@everywhere
def test_the_first_update_comes_half_a_second_after_the_divider_is_released(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    put(run, 0x0A, 0x76)
    put(run, 0x0A, 0x26, 10 * SECOND)
    assert get(run, 0, 10 * SECOND + 499_999_999) == 0x58
    assert get(run, 0, 10 * SECOND + 500_000_000) == 0x59


@everywhere
def test_update_in_progress_precedes_each_second(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    assert get(run, 0x0A, 0) == 0x26
    assert get(run, 0x0A, SECOND - 1000) == 0xA6
    assert get(run, 0x0A, SECOND) == 0x26


@everywhere
def test_update_interrupt_raises_irq_8_until_status_c_is_read(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    put(run, 0x0A, 0x20)
    put(run, 0x0B, 0x12, 100)
    assert int(run(board_next_deadline, BOARD)) == SECOND
    run(board_advance, BOARD, u64(SECOND))
    assert BOARD.rtc.irq and BOARD.pic.slave.lines & 1 != 0
    assert int(run(board_next_deadline, BOARD)) == NEVER
    assert get(run, 0x0C, SECOND + 1) == 0x90
    assert not BOARD.rtc.irq and BOARD.pic.slave.lines & 1 == 0
    assert int(run(board_next_deadline, BOARD)) == 2 * SECOND


@everywhere
def test_the_alarm_is_found_without_waking_every_second(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    for index, value in ((0x0A, 0x20), (1, 0x10), (3, 0xC0), (5, 0xFF)):
        put(run, index, value)
    put(run, 0x0B, 0x22)
    assert int(run(board_next_deadline, BOARD)) == 12 * SECOND
    run(board_advance, BOARD, u64(12 * SECOND))
    assert get(run, 0x0C, 12 * SECOND) == 0xB0
    assert int(run(board_next_deadline, BOARD)) == 72 * SECOND


@everywhere
def test_the_periodic_interrupt_has_its_rate(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    put(run, 0x0B, 0x42)
    period = SECOND // 1024
    assert abs(int(run(board_next_deadline, BOARD)) - period) <= 1
    now, ticks = 0, 0
    while True:
        now = int(run(board_next_deadline, BOARD))
        if now > SECOND // 16:
            break
        run(board_advance, BOARD, u64(now))
        assert get(run, 0x0C, now) & 0xC0 == 0xC0
        ticks += 1
    assert ticks == 64


@everywhere
def test_polled_flags_show_without_any_enable(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    assert get(run, 0x0C, 10) == 0
    assert get(run, 0x0C, SECOND) == 0x50
    assert int(run(board_next_deadline, BOARD)) == NEVER


@everywhere
def test_memory_is_described_as_a_bios_does(run: Run) -> None:
    run(board_reset, BOARD, u64(START))
    run(cmos_describe_memory, BOARD.rtc.cmos, u64(0xC000_0000), u64(5 << 30))
    assert (word(run, 0x15), word(run, 0x17), word(run, 0x30)) == (640, 0xFFFF, 0xFFFF)
    assert word(run, 0x34) == (0xC000_0000 - (16 << 20)) >> 16
    assert word(run, 0x5B) | get(run, 0x5D) << 16 == 5 << 14


@everywhere
@pytest.mark.parametrize("index", [0x0C, 0x0D])
def test_status_c_and_d_cannot_be_written(run: Run, index: int) -> None:
    run(board_reset, BOARD, u64(START))
    before = get(run, index)
    put(run, index, 0xFF)
    assert get(run, index) == before


@everywhere
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**50)), max_size=40))
def test_no_bytes_that_a_guest_writes_trap(run: Run, writes: list[tuple[int, int, int]]) -> None:
    run(board_reset, BOARD, u64(START))
    now = 0
    for index, value, step in writes:
        now += step
        put(run, index, value, now)
        get(run, index ^ 1, now)
        run(board_advance, BOARD, u64(now))
        assert int(run(board_next_deadline, BOARD)) > now
