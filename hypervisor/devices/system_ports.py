"""Ports 92H and CF9H, which reset the machine, on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from hypervisor.devices.board import Board, BoardRequest, board_ask
from hypervisor.devices.port_claims import claim_ports
from hypervisor.devices.system_control import port92_write, reset_control_write


@fn
def read_port92(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port 92H."""
    return board.system.port92


@fn
def write_port92(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port 92H: fast reset."""
    if port92_write(board.system, u8.trunc(value)):
        board_ask(board, BoardRequest.RESET)


@fn
def read_reset_control(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port CF9H."""
    return board.system.reset_control


@fn
def write_reset_control(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port CF9H: reset."""
    if reset_control_write(board.system, u8.trunc(value)):
        board_ask(board, BoardRequest.RESET)


claim_ports(0x92, 1, read_port92, write_port92)
claim_ports(0xCF9, 1, read_reset_control, write_reset_control)
