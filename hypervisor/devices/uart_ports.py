"""The serial port COM1 on the port bus."""

from __future__ import annotations

from codegen.lang import fn, u8, u32, u64
from drivers.console.ns16550 import COM1
from hypervisor.devices.board import Board, board_uart_changed
from hypervisor.devices.port_claims import claim_ports
from hypervisor.devices.uart import OUTPUT_ATTENTION, uart_has_output, uart_read, uart_write

REGISTERS = 8


@fn
def read_uart(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Ports 3F8H to 3FFH."""
    value = u32(uart_read(board.uart, port & 7))
    board_uart_changed(board)
    if board.input_waits:
        board.attention = True
    return value


@fn
def write_uart(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Ports 3F8H to 3FFH. A queue that fills up asks for the console to take some."""
    uart_write(board.uart, port & 7, u8.trunc(value))
    board_uart_changed(board)
    if board.output.load() == 0 and uart_has_output(board.uart):
        board.output.store(1)
    if board.uart.sent_count >= OUTPUT_ATTENTION:
        board.attention = True


claim_ports(COM1, REGISTERS, read_uart, write_uart)
