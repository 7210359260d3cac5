"""The real-time clock on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.timer.rtc import RTC_IRQ, RTC_PORT
from hypervisor.devices.board import Board, board_next_deadline, board_set_line, board_timer_changed
from hypervisor.devices.port_claims import claim_ports, read_ones
from hypervisor.devices.rtc import rtc_read, rtc_write


@fn
def write_index(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port 70H. Bit 7 masks NMI, of which this board has no source."""
    board.rtc.index = value & 0x7F


@fn
def read_data(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port 71H. Reading status C lets IRQ8 go."""
    before = board_next_deadline(board)
    was_up = board.rtc.irq
    value = rtc_read(board.rtc, now)
    if board.rtc.irq != was_up:
        board_set_line(board, u32(RTC_IRQ), board.rtc.irq)
    board_timer_changed(board, before)
    return value


@fn
def write_data(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port 71H."""
    before = board_next_deadline(board)
    rtc_write(board.rtc, u8.trunc(value), now)
    board_set_line(board, u32(RTC_IRQ), board.rtc.irq)
    board_timer_changed(board, before)


claim_ports(RTC_PORT, 1, read_ones, write_index)
claim_ports(RTC_PORT + 1, 1, read_data, write_data)
