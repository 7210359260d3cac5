"""A port is stopped, and started again, step by step; nobody waits (AHCI 1.3.1, 6.2.2 and 10.4). So begins a port's
life, too: from LINKING on.

A command ends when the controller has stopped (PxCMD.CR = 0): until then it may reach the command's memory.
"""

from __future__ import annotations

from codegen.lang import Local, fn, range, u8, u32, u64
from drivers.storage.ahci.end import end_for_reset, end_slot, port_gone
from drivers.storage.ahci.own_command import ask, step_asking, step_identifying
from drivers.storage.ahci.port import ask_link, is_busy, note_errors, port_begin
from drivers.storage.ahci.registers import SIGNATURE_DISK, AhciControl, LinkState
from drivers.storage.ahci.state import MS, RESETS_MAX, AhciController, AhciPort, AhciState
from drivers.storage.ata.commands import LOG_QUEUED_ERROR
from drivers.storage.ata.task import AtaTask, identify_task, log_task
from drivers.storage.command import BlockOutcome

CONTROLLER_RESET_NS = 1_000 * MS  # 10.4.3
ASSERT_NS = 1 * MS  # 10.4.2
PRESENT_NS = 30 * MS  # a disk answers a reset of the link within 10 ms (Serial ATA 3.0, 8.4)
LINK_NS = 1_000 * MS
READY_NS = 15_000 * MS  # a disk may have to spin up


@fn(cold=True)
def port_step(controller: AhciController, port: AhciPort, now: u64) -> None:
    """One step, when it is time for it."""
    if now < port.not_before:
        return
    match port.state:
        case AhciState.STOPPING:
            step_stopping(controller, port, now)
        case AhciState.LINK_RESET:
            ask_link(port, LinkState.NONE)
            port.state = AhciState.LINKING
            port.until = now + LINK_NS
        case AhciState.LINKING:
            step_linking(controller, port, now)
        case AhciState.READYING:
            step_readying(controller, port, now)
        case AhciState.IDENTIFYING:
            step_identifying(controller, port, now)
        case AhciState.ASKING:
            step_asking(controller, port, now)
        case _:
            pass


@fn(cold=True)
def step_stopping(controller: AhciController, port: AhciPort, now: u64) -> None:
    """When nothing is under way any more, commands end."""
    registers = port.registers()
    if registers.command.read().running:
        if now >= port.until:
            controller_reset(controller, now)
        return
    busy = is_busy(port)
    note_errors(controller, port)
    if port.wants_reset or busy:
        end_for_reset(controller, port)
        begin_link_reset(controller, port, now)
    elif port.exclusive:
        end_slot(controller, port, u32(0), BlockOutcome.IO_ERROR)
        port.resets_in_row = 0
        port_run(port)
    elif port.issued == 0:
        port_run(port)
    else:
        task = Local(AtaTask)
        log_task(task, u8(LOG_QUEUED_ERROR))
        ask(port, task, AhciState.ASKING, now)


@fn(cold=True)
def port_run(port: AhciPort) -> None:
    """Take commands again."""
    port_begin(port)
    port.state = AhciState.RUNNING


@fn(cold=True)
def begin_link_reset(controller: AhciController, port: AhciPort, now: u64) -> None:
    """COMRESET, unless there have been too many."""
    if port.resets_in_row >= RESETS_MAX:
        port_gone(controller, port)
        return
    port.resets_in_row += 1
    controller.resets = controller.resets.wrapping_add(1)
    ask_link(port, LinkState.RESET)
    port.state = AhciState.LINK_RESET
    port.not_before = now + ASSERT_NS


@fn(cold=True)
def step_linking(controller: AhciController, port: AhciPort, now: u64) -> None:
    """A port without a disk is known soon; one that had a disk gets more time."""
    detection = port.registers().link.read().detection
    if detection == u8(LinkState.UP):
        note_errors(controller, port)
        port.state = AhciState.READYING
        port.until = now + READY_NS
    elif now >= port.until or (not port.known and detection == 0 and now >= port.until - LINK_NS + PRESENT_NS):
        port_gone(controller, port)


@fn(cold=True)
def step_readying(controller: AhciController, port: AhciPort, now: u64) -> None:
    """The disk sends its signature."""
    if is_busy(port):
        if now >= port.until:
            port_gone(controller, port)
        return
    if port.registers().signature.read() != SIGNATURE_DISK:
        port_gone(controller, port)
        return
    task = Local(AtaTask)
    identify_task(task)
    ask(port, task, AhciState.IDENTIFYING, now)


@fn(cold=True)
def controller_reset(controller: AhciController, now: u64) -> None:
    """A port does not stop: all ports are reset together (10.4.3)."""
    controller.registers().control.write(AhciControl(ahci=True, reset=True))
    controller.resetting = True
    controller.until = now + CONTROLLER_RESET_NS
    for i in range(controller.port_count):
        if controller.ports[i].state != AhciState.GONE:
            controller.ports[i].state = AhciState.CONTROLLER_RESET
