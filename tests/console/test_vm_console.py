from __future__ import annotations

import pytest

from codegen.lang import Span, u8, u32
from hypervisor.console.console import CONSOLE, console_start, console_start_interrupts
from hypervisor.console.guests import GUESTS, console_add_guest, console_show_guests
from hypervisor.console.route import console_route_input
from hypervisor.console.scrollback import SCROLLBACK_BYTES
from hypervisor.console.typed import TYPED, TYPED_BYTES, console_has_place, console_sender_goes_on, console_take_typed
from hypervisor.console.view import VIEW, ViewKind
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.devices.uart import OUTPUT_BYTES, uart_has_output
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.vcpu import NOBODY, SERVE_WORK, Vcpu
from hypervisor.vm.console import CONSOLE_WAITS, drain_console, serve_console, wake_for_console
from hypervisor.vm.vm import VMS, VmState
from tests.console.fake_uart import FakeUart


@pytest.fixture
def vcpu() -> Vcpu:
    FakeUart(slow=True)
    console_start(False)
    console_start_interrupts()
    for number in range(2):
        vm = VMS[number]
        vm.id, vm.state, vm.vcpu_first, vm.vcpu_count = number, VmState.RUNNING, number, 1
        lock_start(vm.board_lock, LockPlace.BOARD)
        VCPUS[number].vm = vm
        VCPUS[number].running_on.store(u32(NOBODY))
        name: Span = b"vm"  # type: ignore[assignment]
        console_add_guest(u32(number), name)
    VIEW.kind, VIEW.guest = ViewKind.GUEST, 0
    return VCPUS[0]


def send(vm: int, count: int) -> None:
    """What a guest's UART has to send."""
    uart = VMS[vm].board.uart
    uart.sent_count = count
    VMS[vm].board.output.store(u32(1))


def told(vm: int) -> bool:
    """Whether vCPU 0 was told of something since the last call."""
    return int(VCPUS[vm].work.exchange(u32(0))) & int(SERVE_WORK) != 0


def type_in(keys: bytes) -> None:
    for byte in keys:
        CONSOLE.input.put(u8(byte))
    console_route_input()
    wake_for_console()


def test_a_shown_guest_without_room_is_told_when_there_is_enough_again(vcpu: Vcpu) -> None:
    history = GUESTS.guests[0].history
    history.end = SCROLLBACK_BYTES - 5
    CONSOLE.output.head = SCROLLBACK_BYTES // 2  # the line has enough to do
    send(0, 9)
    serve_console(vcpu)
    assert (int(history.end), int(VMS[0].board.uart.sent_count)) == (SCROLLBACK_BYTES, 4)
    history.shown = OUTPUT_BYTES - 1
    wake_for_console()
    assert not told(0)
    history.shown = OUTPUT_BYTES
    wake_for_console()
    assert told(0) and not told(1) and int(CONSOLE_WAITS.for_room.load()) == 0
    drain_console(VMS[0])
    assert not uart_has_output(VMS[0].board.uart) and int(VMS[0].board.output.load()) == 0
    wake_for_console()
    assert not told(0)


def test_a_guest_that_is_held_goes_on_when_it_is_hidden(vcpu: Vcpu) -> None:
    GUESTS.guests[0].history.end = SCROLLBACK_BYTES
    CONSOLE.output.head = SCROLLBACK_BYTES // 2
    send(0, 9)
    serve_console(vcpu)
    assert int(VMS[0].board.uart.sent_count) == 9
    type_in(b"\x01m")
    assert told(0)
    serve_console(vcpu)
    assert int(VMS[0].board.uart.sent_count) == 0


def test_the_guest_that_is_typed_to_is_told_once_and_takes_it(vcpu: Vcpu) -> None:
    type_in(b"\x011")
    assert not told(0) and not told(1)
    type_in(b"hello")
    assert told(1) and not told(0)
    wake_for_console()
    assert not told(1)
    serve_console(VCPUS[1])
    uart = VMS[1].board.uart
    assert uart.received_count == 1  # no FIFO before it is switched on
    assert VMS[1].board.input_waits and int(TYPED[1].used()) == 4
    serve_console(vcpu)
    assert VMS[0].board.uart.received_count == 0


def test_who_types_more_than_the_queue_holds_goes_on_when_half_of_it_is_read(vcpu: Vcpu) -> None:
    assert console_has_place(u32(0)) and not console_sender_goes_on(u32(0))
    type_in(b"x" * (TYPED_BYTES + 3))
    assert int(CONSOLE.input.used()) == 3
    for _ in range(TYPED_BYTES // 2 - 1):
        console_take_typed(u32(0))
    assert not console_sender_goes_on(u32(0))
    console_take_typed(u32(0))
    assert console_sender_goes_on(u32(0)) and not console_sender_goes_on(u32(0))
    console_show_guests()
    console_route_input()
    assert int(CONSOLE.input.used()) == 0
