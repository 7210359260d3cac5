"""The interval timer and port 61H on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.timer.pit import PIT_PORT, SYSTEM_CONTROL_PORT
from hypervisor.devices.board import Board, board_next_deadline, board_timer_changed
from hypervisor.devices.pit import pit_read, pit_write
from hypervisor.devices.port_claims import claim_ports
from hypervisor.devices.system_control import port61_read, port61_write


@fn
def read_pit(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Ports 40H to 43H."""
    return pit_read(board.pit, port & 3, now)


@fn
def write_pit(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports 40H to 43H."""
    before = board_next_deadline(board)
    pit_write(board.pit, port & 3, u8.trunc(value), now)
    board_timer_changed(board, before)


@fn
def read_port61(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port 61H."""
    return port61_read(board.system, board.pit, now)


@fn
def write_port61(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port 61H."""
    port61_write(board.system, board.pit, u8.trunc(value), now)


claim_ports(PIT_PORT, 4, read_pit, write_pit)
claim_ports(SYSTEM_CONTROL_PORT, 1, read_port61, write_port61)
