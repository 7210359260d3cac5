"""After a guest has touched its board: interrupts to deliver, timers that moved, console bytes, requests to reset or
power off."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.devices.board import BoardRequest, board_next_deadline
from hypervisor.exits.registry import Resume
from hypervisor.sched.notify import notify
from hypervisor.vcpu.contract import vcpu_skip_instruction
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.console import drain_console, feed_console
from hypervisor.vm.interrupts import leave_in_time, service_board
from hypervisor.vm.order import SERVE_WORK, OrderKind, give_order
from hypervisor.vm.vm import StopReason, Vm


@fn
def after_board_access(vcpu: Vcpu) -> Resume:
    """What an exit handler returns when its device access is done."""
    board = vcpu.vm.board
    if not board.attention:
        return Resume.NEXT_INSTRUCTION
    return serve_board(vcpu)


@fn(noinline=True)
def serve_board(vcpu: Vcpu) -> Resume:
    """The board asked for attention."""
    board = vcpu.vm.board
    board.attention = False
    service_board(vcpu.vm)
    drain_console(vcpu.vm)
    if board.input_waits:
        feed_console(vcpu.vm)
    if board.deadline_changed:
        board.deadline_changed = False
        carry_board_timers(vcpu)
    if board.request != BoardRequest.NONE:
        obey(vcpu.vm)
        vcpu_skip_instruction(vcpu)
        return Resume.YIELD
    return Resume.NEXT_INSTRUCTION


@fn
def carry_board_timers(vcpu: Vcpu) -> None:
    """A timer of the board is due earlier than before: vCPU 0 has to leave its guest, or wake, in time."""
    if vcpu.index == 0:
        leave_in_time(vcpu, board_next_deadline(vcpu.vm.board))
    else:
        notify(vcpu_of(vcpu.vm, u32(0)), SERVE_WORK)


@fn(cold=True)
def obey(vm: Vm) -> None:
    """The guest asks its board for a reset, or to switch off: the whole VM has to come to rest for it."""
    request = vm.board.request
    vm.board.request = BoardRequest.NONE
    if request == BoardRequest.RESET:
        give_order(vm, OrderKind.RESET, StopReason.NONE)
    else:
        give_order(vm, OrderKind.STOP, StopReason.POWER_OFF)
