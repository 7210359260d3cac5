"""The ACPI power-management block on the port bus: PM1 event and control, and the PM timer."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.devices.acpi.layout import PM1_EVENT, PM_BLOCK_SIZE
from hypervisor.devices.acpi.power import power_read, power_write
from hypervisor.devices.board import (
    Board,
    BoardRequest,
    board_ask,
    board_next_deadline,
    board_settle_power,
    board_timer_changed,
)
from hypervisor.devices.port_claims import claim_ports


@fn
def read_power(board: Board, port: u32, width: u32, now: u64) -> u32:
    """The block's registers."""
    return power_read(board.power, port.wrapping_sub(PM1_EVENT) & 15, width, now)


@fn
def write_power(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """The block's registers: they move the SCI, and S5 powers off."""
    before = board_next_deadline(board)
    power_write(board.power, port.wrapping_sub(PM1_EVENT) & 15, width, value, now)
    board_settle_power(board, now)
    board_timer_changed(board, before)
    if board.power.power_off:
        board.power.power_off = False
        board_ask(board, BoardRequest.POWER_OFF)


claim_ports(PM1_EVENT, PM_BLOCK_SIZE, read_power, write_power, widths=(1, 2, 4))
