"""A VM's serial port on the real console, in both directions."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.console.console import console_push, console_room, console_take_input
from hypervisor.console.guests import console_focus, console_put_guest_byte
from hypervisor.devices.board import board_uart_changed
from hypervisor.devices.uart import uart_can_receive, uart_receive, uart_take_output
from hypervisor.vm.vm import Vm

ROOM_MIN = 64  # bytes that stay free for the monitor's own lines


@fn
def drain_console(vm: Vm) -> None:
    """Take what the guest's UART has sent, as far as the real line's queue has room; the rest stays in the UART,
    which is then busy for the guest, so nothing is lost."""
    uart = vm.board.uart
    sent = False
    while console_room() > ROOM_MIN:
        byte = uart_take_output(uart)
        if byte is None:
            break
        console_put_guest_byte(vm.id, byte)
        sent = True
    if sent:
        console_push()
        board_uart_changed(vm.board)


@fn(cold=True)
def empty_console(vm: Vm) -> None:
    """The last words of a VM that stops or starts over: all of them, waiting for the line where it is slow."""
    while True:
        byte = uart_take_output(vm.board.uart)
        if byte is None:
            break
        console_put_guest_byte(vm.id, byte)
    console_push()


@fn
def feed_console(vm: Vm) -> None:
    """Give the guest what was typed, as fast as its UART takes it."""
    if console_focus() != vm.id:
        return
    received = False
    while uart_can_receive(vm.board.uart):
        byte = console_take_input()
        if byte is None:
            break
        uart_receive(vm.board.uart, byte)
        received = True
    if received:
        board_uart_changed(vm.board)
