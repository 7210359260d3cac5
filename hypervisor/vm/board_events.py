"""After a guest has touched its board: interrupts to deliver, timers that moved, console bytes, requests to reset or
power off."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.devices.board import Board, BoardRequest, board_next_deadline
from hypervisor.exits.registry import Resume
from hypervisor.sched.notify import notify
from hypervisor.vcpu.contract import vcpu_skip_instruction
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import SERVE_WORK, Vcpu
from hypervisor.vm.board_interrupts import send_interrupts
from hypervisor.vm.console import drain_uart, feed_uart
from hypervisor.vm.deadline import leave_in_time
from hypervisor.vm.device_work import serve_devices
from hypervisor.vm.order import OrderKind, ask_order
from hypervisor.vm.vm import StopReason, Vm


@fn
def after_board_access(vcpu: Vcpu, board: Board) -> Resume:
    """What an exit handler returns when its device access is done, still under the board's lock."""
    if not board.attention:
        return Resume.NEXT_INSTRUCTION
    return serve_board(vcpu, board)


@fn(noinline=True)
def serve_board(vcpu: Vcpu, board: Board) -> Resume:
    """The board asked for attention."""
    board.attention = False
    if board.devices_wait:
        serve_devices(vcpu, board)
    send_interrupts(vcpu.vm, board)
    drain_uart(vcpu.vm, board)
    if board.input_waits:
        feed_uart(vcpu.vm, board)
    if board.deadline_changed:
        board.deadline_changed = False
        carry_board_timers(vcpu, board)
    if board.request != BoardRequest.NONE:
        obey(vcpu.vm, board)
        vcpu_skip_instruction(vcpu)
        return Resume.YIELD
    return Resume.NEXT_INSTRUCTION


@fn
def carry_board_timers(vcpu: Vcpu, board: Board) -> None:
    """A timer of the board is due earlier than before: vCPU 0 has to leave its guest, or wake, in time."""
    if vcpu.index == 0:
        leave_in_time(vcpu, board_next_deadline(board))
    else:
        notify(vcpu_of(vcpu.vm, u32(0)), SERVE_WORK)


@fn(cold=True)
def obey(vm: Vm, board: Board) -> None:
    """The guest asks its board for a reset, or to switch off: the whole VM has to come to rest for it."""
    request = board.request
    board.request = BoardRequest.NONE
    if request == BoardRequest.RESET:
        ask_order(vm, OrderKind.RESET, StopReason.REBOOT)
    else:
        ask_order(vm, OrderKind.STOP, StopReason.POWER_OFF)
