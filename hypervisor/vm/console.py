"""A VM's serial port on the real console, in both directions."""

from __future__ import annotations

from codegen.lang import Atomic, Struct, fn, range, storage, u32
from hypervisor.console.console import (
    CONSOLE,
    console_has_input,
    console_new_input,
    console_push,
    console_room,
    console_take_input,
)
from hypervisor.console.guests import console_focus, console_put_guest_byte
from hypervisor.devices.board import Board, board_uart_changed
from hypervisor.devices.uart import uart_can_receive, uart_has_output, uart_receive, uart_take_output
from hypervisor.sched.notify import notify
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.order import SERVE_WORK
from hypervisor.vm.vm import VMS, VMS_MAX, Vm, VmState

ROOM_MIN = 64  # bytes that stay free for the monitor's own lines


class ConsoleWaits(Struct):
    """Bit n: VM n has output for which the line's queue had no room."""

    for_room: Atomic[u32]


CONSOLE_WAITS = storage(ConsoleWaits)


@fn
def serve_console(vcpu: Vcpu) -> None:
    """Once in a while, by any vCPU's thread: what the guest has sent; by vCPU 0's, what was typed for it."""
    if has_output(vcpu.vm):
        drain_console(vcpu.vm)
    if vcpu.index == 0 and console_has_input():
        feed_console(vcpu.vm)


@fn
def has_output(vm: Vm) -> bool:
    """Read without the lock: what comes later is looked at later."""
    return vm.board.output.load() != 0


@fn
def drain_console(vm: Vm) -> None:
    """Take what the guest's UART has sent."""
    with vm.board_lock:
        drain_uart(vm, vm.board)


@fn
def drain_uart(vm: Vm, board: Board) -> None:
    """The same, as far as the real line's queue has room; the rest stays in the UART, which is then busy for the
    guest, so nothing is lost."""
    if not uart_has_output(board.uart):
        return
    with CONSOLE.lock:
        while uart_has_output(board.uart):
            if console_room() <= ROOM_MIN:
                CONSOLE_WAITS.for_room.fetch_or(u32(1) << vm.id)
                break
            byte = uart_take_output(board.uart)
            if byte is None:
                break
            console_put_guest_byte(vm.id, byte)
        console_push()
    if not uart_has_output(board.uart):
        board.output.store(0)
    board_uart_changed(board)


@fn(cold=True)
def empty_console(vm: Vm) -> None:
    """The last words of a VM that stops or starts over: all of them, waiting for the line where it is slow."""
    with vm.board_lock:
        with CONSOLE.lock:
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
    with vm.board_lock:
        feed_uart(vm, vm.board)


@fn
def feed_uart(vm: Vm, board: Board) -> None:
    """The same, under the board's lock."""
    received = False
    board.input_waits = False
    while console_has_input():
        if not uart_can_receive(board.uart):
            board.input_waits = True
            break
        byte = console_take_input()
        if byte is None:
            break
        uart_receive(board.uart, byte)
        received = True
    if received:
        board_uart_changed(board)
        send_interrupts(vm, board)


@fn
def wake_for_console() -> None:
    """By the processor that the UART interrupts: tell the VMs for which there is room, or input, again."""
    if CONSOLE_WAITS.for_room.load() != 0 and console_room() > ROOM_MIN:
        waiting = CONSOLE_WAITS.for_room.exchange(u32(0))
        for i in range(u32(VMS_MAX)):
            if waiting >> i & 1 != 0:
                notify(vcpu_of(VMS[i], u32(0)), SERVE_WORK)
    if console_new_input():
        focus = VMS[console_focus()]
        if focus.state == VmState.RUNNING:
            notify(vcpu_of(focus, u32(0)), SERVE_WORK)
