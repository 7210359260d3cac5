"""The PIC pair and the ELCR on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.interrupt.pic import PIC_ELCR_PORT, PIC_MASTER_PORT, PIC_SLAVE_PORT
from hypervisor.devices.board import Board, board_settle
from hypervisor.devices.pic import (
    Pic,
    pic_read_command,
    pic_read_data,
    pic_write_command,
    pic_write_data,
    pic_write_elcr,
)
from hypervisor.devices.port_claims import claim_ports


@fn
def addressed(board: Board, port: u32) -> Pic:
    """The chip that `port` belongs to: the slave's ports differ in bit 7."""
    return board.pic.slave if port & 0x80 != 0 else board.pic.master


@fn
def read_command(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Ports 20H and A0H."""
    return pic_read_command(board.pic, addressed(board, port))


@fn
def write_command(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports 20H and A0H."""
    pic_write_command(board.pic, addressed(board, port), u8.trunc(value))
    board_settle(board)


@fn
def read_master_data(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port 21H."""
    return pic_read_data(board.pic, board.pic.master)


@fn
def read_slave_data(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Port A1H."""
    return pic_read_data(board.pic, board.pic.slave)


@fn
def write_data(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports 21H and A1H."""
    pic_write_data(board.pic, addressed(board, port), u8.trunc(value))
    board_settle(board)


@fn
def controlled(board: Board, port: u32) -> Pic:
    """The chip whose edge/level register `port` is."""
    return board.pic.slave if port & 1 != 0 else board.pic.master


@fn
def read_elcr(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Ports 4D0H and 4D1H."""
    return controlled(board, port).elcr


@fn
def write_elcr(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports 4D0H and 4D1H."""
    pic_write_elcr(board.pic, controlled(board, port), u8.trunc(value))
    board_settle(board)


claim_ports(PIC_MASTER_PORT, 1, read_command, write_command)
claim_ports(PIC_MASTER_PORT + 1, 1, read_master_data, write_data)
claim_ports(PIC_SLAVE_PORT, 1, read_command, write_command)
claim_ports(PIC_SLAVE_PORT + 1, 1, read_slave_data, write_data)
claim_ports(PIC_ELCR_PORT, 2, read_elcr, write_elcr)
