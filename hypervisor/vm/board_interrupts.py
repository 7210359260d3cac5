"""What leaves the board: the messages of the I/O APIC, and the PIC's output to the LINT0 pins.

A parameter of type `Board` says that the caller holds `board_lock` of its VM: nothing else gives a reference to one
(tests/structure/test_board_lock.py).
"""

from __future__ import annotations

from codegen.lang import fn, range, u32
from drivers.interrupt.ioapic import Redirection
from drivers.interrupt.lapic import InterruptCommand
from hypervisor.devices.board import Board
from hypervisor.devices.ioapic import ioapic_end_of_interrupt, ioapic_entry, ioapic_requests, ioapic_sent
from hypervisor.devices.lapic.command import wide_destination
from hypervisor.devices.lapic.posted import post_lint0
from hypervisor.devices.lapic.public import lapic_seen
from hypervisor.sched.notify import notify
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import INTERRUPT_WORK
from hypervisor.vm.messages import NOBODY, deliver_message
from hypervisor.vm.vm import Vm


@fn
def service_board(vm: Vm) -> None:
    """Send what the board has to send."""
    with vm.board_lock:
        send_interrupts(vm, vm.board)


@fn
def end_of_interrupt(vm: Vm, vector: u32) -> None:
    """A local APIC broadcasts the EOI of a level-triggered vector."""
    with vm.board_lock:
        ioapic_end_of_interrupt(vm.board.ioapic, vector)
        send_interrupts(vm, vm.board)


@fn
def send_interrupts(vm: Vm, board: Board) -> None:
    """Post the messages of the I/O APIC and pass the PIC's output on. A request that nobody accepts stays."""
    ioapic = board.ioapic
    requests = ioapic_requests(ioapic)
    while requests != 0:
        pin = requests.trailing_zeros()
        requests = requests & (requests - 1)
        entry = ioapic_entry(ioapic, pin)
        level = ioapic.level >> (pin & 31) & 1 != 0
        if deliver_message(vm, message_of(entry), level, except_for=u32(NOBODY)):
            ioapic_sent(ioapic, pin)
    if board.pic.interrupt.load():
        raise_lint0(vm, board)


@fn
def message_of(entry: Redirection) -> InterruptCommand:
    """A redirection entry as a message on the bus."""
    return InterruptCommand(
        vector=entry.vector,
        delivery=entry.delivery,
        logical=entry.logical,
        destination=wide_destination(u32(entry.destination)),
    )


@fn
def raise_lint0(vm: Vm, board: Board) -> None:
    """INTR is up: for ExtINT as long as it is, for other kinds of LINT0 once."""
    first_time = not board.intr_seen
    board.intr_seen = True
    for i in range(vm.vcpu_count):
        vcpu = vcpu_of(vm, i)
        seen = lapic_seen(vcpu.lapic)
        if seen.takes_extint:
            notify(vcpu, INTERRUPT_WORK)
        elif first_time and seen.hears_lint0:
            post_lint0(vcpu.lapic.posted)
            notify(vcpu, INTERRUPT_WORK)
