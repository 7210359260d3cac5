"""The 8042 on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.keyboard.controller import COMMAND_PORT, DATA_PORT
from hypervisor.devices.board import Board, BoardRequest, board_ask
from hypervisor.devices.keyboard_controller import (
    keyboard_read_data,
    keyboard_read_status,
    keyboard_write_command,
    keyboard_write_data,
)
from hypervisor.devices.port_claims import claim_ports


@fn
def read_data(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port 60H."""
    return u32(keyboard_read_data(board.keyboard))


@fn
def write_data(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port 60H."""
    keyboard_write_data(board.keyboard, u8.trunc(value))


@fn
def read_status(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port 64H."""
    return u32(keyboard_read_status(board.keyboard))


@fn
def write_command(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Port 64H: among others the pulse of the reset line."""
    if keyboard_write_command(board.keyboard, u8.trunc(value)):
        board_ask(board, BoardRequest.RESET)


claim_ports(DATA_PORT, 1, read_data, write_data)
claim_ports(COMMAND_PORT, 1, read_status, write_command)
