"""After a guest has touched its board: interrupts to deliver, timers that moved, console bytes, requests to reset or
power off."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.devices.board import BoardRequest, board_next_deadline
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.contract import vcpu_skip_instruction
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.console import drain_console
from hypervisor.vm.interrupts import leave_in_time, service_board


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
    if board.deadline_changed:
        board.deadline_changed = False
        leave_in_time(vcpu, board_next_deadline(board))
    if board.request != BoardRequest.NONE:
        vcpu_skip_instruction(vcpu)
        return Resume.YIELD
    return Resume.NEXT_INSTRUCTION
