"""What an operator does to a VM while others run: on the first processor, between turns. Each is begun at once or
refused with a reason; the VM's own thread carries it out, and the log says when it is done."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.devices.board import board_press_power
from hypervisor.vm.act_refusal import ActRefusal
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.create import make_vm
from hypervisor.vm.order import OrderKind, give_order, order_of
from hypervisor.vm.timers import board_now
from hypervisor.vm.vm import StopReason, Vm, VmState


@fn(cold=True)
def pause_vm(vm: Vm) -> ActRefusal | None:
    """No vCPU of it runs until `resume_vm`. Its clock and its TSC go on, so timers that come due fire then."""
    if vm.state == VmState.PAUSED:
        return ActRefusal.PAUSED
    if vm.state != VmState.RUNNING:
        return ActRefusal.NOT_RUNNING
    return order(vm, OrderKind.PAUSE, StopReason.NONE)


@fn(cold=True)
def resume_vm(vm: Vm) -> ActRefusal | None:
    """After `pause_vm`."""
    if vm.state != VmState.PAUSED:
        return ActRefusal.NOT_PAUSED
    return order(vm, OrderKind.RESUME, StopReason.NONE)


@fn(cold=True)
def reset_vm(vm: Vm) -> ActRefusal | None:
    """The reset button: RAM is cleared, the guest boots again, and runs also if it was paused. `on_reboot` is only for
    the guest's own resets, and this one is not counted."""
    if not has_guest(vm):
        return ActRefusal.NOT_RUNNING
    return order(vm, OrderKind.RESET, StopReason.NONE)


@fn(cold=True)
def press_power_button(vm: Vm) -> ActRefusal | None:
    """The ACPI power button: an event for the guest's system, which powers off if it likes to."""
    if not has_guest(vm):
        return ActRefusal.NOT_RUNNING
    with vm.board_lock:
        board_press_power(vm.board, board_now(vm))
        send_interrupts(vm, vm.board)
    return None


@fn(cold=True)
def kill_vm(vm: Vm) -> ActRefusal | None:
    """The power switch. Its memory stays as it was, and nothing restarts it."""
    if not has_guest(vm):
        return ActRefusal.NOT_RUNNING
    return order(vm, OrderKind.STOP, StopReason.KILLED)


@fn(cold=True)
def destroy_vm(vm: Vm) -> ActRefusal | None:
    """A VM that has stopped, or never started, gives everything back: its RAM, scrubbed, its vCPUs, its tables."""
    if vm.state == VmState.ABSENT:
        return ActRefusal.ABSENT
    if vm.state != VmState.STOPPED and vm.state != VmState.READY:
        return ActRefusal.BUSY if vm.state == VmState.LEAVING else ActRefusal.NOT_STOPPED
    vm.start_at = 0
    return order(vm, OrderKind.DESTROY, StopReason.NONE)


@fn(cold=True)
def start_vm_again(vm: Vm) -> ActRefusal | None:
    """Anew from the manifest: one that has stopped in the memory that it has, one that is not there is made first.
    Restarts are counted from here."""
    if vm.state == VmState.RUNNING:
        return ActRefusal.RUNNING
    if vm.state == VmState.PAUSED:
        return ActRefusal.PAUSED
    if vm.state == VmState.LEAVING or order_of(vm).kind != OrderKind.NONE:
        return ActRefusal.BUSY
    if vm.state == VmState.ABSENT and not make_vm(vm):
        return ActRefusal.CANNOT_BE_MADE
    vm.start_at = 0
    return order(vm, OrderKind.START, StopReason.NONE)


@fn
def has_guest(vm: Vm) -> bool:
    """Whether its guest runs, or would if it were not paused."""
    return vm.state == VmState.RUNNING or vm.state == VmState.PAUSED


@fn(cold=True)
def order(vm: Vm, kind: OrderKind, reason: StopReason) -> ActRefusal | None:
    """For its own thread."""
    return None if give_order(vm, kind, reason) else ActRefusal.BUSY
