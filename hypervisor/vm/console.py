"""A VM's serial port on the real console, in both directions."""

from __future__ import annotations

from codegen.lang import Atomic, Struct, fn, range, storage, u32, u64
from hypervisor.console.console import CONSOLE
from hypervisor.console.guests import (
    console_finish_guest,
    console_guest_room,
    console_put_guest_byte,
    console_show_guests,
)
from hypervisor.console.route import console_take_given
from hypervisor.console.typed import console_has_typed, console_sender_goes_on, console_take_typed
from hypervisor.cpu.kick import send_kick
from hypervisor.devices.board import Board, board_uart_changed
from hypervisor.devices.uart import OUTPUT_BYTES, uart_can_receive, uart_has_output, uart_receive, uart_take_output
from hypervisor.sched.notify import notify
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK, Vcpu
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.vm import VMS, VMS_MAX, Vm, VmState


class ConsoleWaits(Struct):
    """Bit n: VM n has output for which its scrollback had no room."""

    for_room: Atomic[u32]


CONSOLE_WAITS = storage(ConsoleWaits)


@fn
def serve_console(vcpu: Vcpu) -> None:
    """Once in a while, by any vCPU's thread: what the guest has sent; by vCPU 0's, what was typed for it."""
    if has_output(vcpu.vm):
        drain_console(vcpu.vm)
    if vcpu.index == 0 and console_has_typed(vcpu.vm.id):
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
    """The same, as far as the guest's scrollback has room; the rest stays in the UART, which is then busy for the
    guest, so nothing is lost."""
    if not uart_has_output(board.uart):
        return
    with CONSOLE.lock:
        while uart_has_output(board.uart):
            if console_guest_room(vm.id) == 0:
                CONSOLE_WAITS.for_room.fetch_or(u32(1) << vm.id)
                break
            byte = uart_take_output(board.uart)
            if byte is None:
                break
            console_put_guest_byte(vm.id, byte)
        console_show_guests()
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
            console_finish_guest(vm.id)


@fn
def feed_console(vm: Vm) -> None:
    """Give the guest what was typed for it, as fast as its UART takes it."""
    with vm.board_lock:
        feed_uart(vm, vm.board)


@fn
def feed_uart(vm: Vm, board: Board) -> None:
    """The same, under the board's lock."""
    received = False
    board.input_waits = False
    while console_has_typed(vm.id):
        if not uart_can_receive(board.uart):
            board.input_waits = True
            break
        byte = console_take_typed(vm.id)
        if byte is None:
            break
        uart_receive(board.uart, byte)
        received = True
    if received:
        board_uart_changed(board)
        send_interrupts(vm, board)
        if console_sender_goes_on(vm.id):
            send_kick(u32(0))  # it hands out what is typed


@fn
def wake_for_console() -> None:
    """By the first processor, which hands out what is typed and changes the view, and which the UART interrupts: tell
    the VMs for which there is room, or input, again."""
    waiting = CONSOLE_WAITS.for_room.load()
    given = console_take_given()
    if waiting | given == 0:
        return
    for i in range(u32(VMS_MAX)):
        vm = VMS[i]
        if waiting >> i & 1 != 0 and has_room(vm):
            CONSOLE_WAITS.for_room.fetch_and(~(u32(1) << i))
            if vm.vcpu_count != 0:
                notify(vcpu_of(vm, u32(0)), SERVE_WORK)
        if given >> i & 1 != 0 and vm.state == VmState.RUNNING:
            notify(vcpu_of(vm, u32(0)), SERVE_WORK)


@fn
def has_room(vm: Vm) -> bool:
    """Whether the guest's scrollback takes all that its UART can hold. Takes the console's lock."""
    with CONSOLE.lock:
        return console_guest_room(vm.id) >= u64(OUTPUT_BYTES)
