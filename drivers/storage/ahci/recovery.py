"""A port is stopped, and started again, step by step; nobody waits (AHCI 1.3.1, 6.2.2 and 10.4). So begins a port's
life, too: from LINKING on.

A command ends when the controller has stopped (PxCMD.CR = 0): until then it may reach the command's memory.
"""

from __future__ import annotations

from codegen.lang import Local, fn, len, phys, phys_span, range, u8, u32, u64
from drivers.pci.cut_off import pci_cut_off
from drivers.storage.ahci.issue import end_slot, end_slots, issue_own
from drivers.storage.ahci.registers import (
    SIGNATURE_DISK,
    AhciControl,
    LinkState,
    PortErrors,
    PortInterrupt,
    PortLinkControl,
)
from drivers.storage.ahci.state import (
    DATA_OFFSET,
    LIST_OFFSET,
    MS,
    RECEIVED_OFFSET,
    RESETS_MAX,
    AhciController,
    AhciPort,
    AhciState,
)
from drivers.storage.ata.commands import LOG_QUEUED_ERROR, AtaStatus, QueuedError
from drivers.storage.ata.drive import AtaDrive, is_same_disk, read_drive
from drivers.storage.ata.identify import IDENTIFY_BYTES, IdentifyData
from drivers.storage.ata.task import AtaTask, identify_task, log_task
from drivers.storage.command import BlockOutcome
from drivers.storage.disk import DISKS

ALL_ONES = 0xFFFF_FFFF
STOP_NS = 500 * MS  # 10.1.2
CONTROLLER_RESET_NS = 1_000 * MS  # 10.4.3
ASSERT_NS = 1 * MS  # 10.4.2
PRESENT_NS = 30 * MS  # a disk answers a reset of the link within 10 ms (Serial ATA 3.0, 8.4)
LINK_NS = 1_000 * MS
READY_NS = 15_000 * MS  # a disk may have to spin up
ANSWER_NS = 5_000 * MS
NO_POWER_STATES = 3


@fn(cold=True)
def port_stop(port: AhciPort, now: u64, reset: bool) -> None:
    """Begin to end what is under way: because the disk has failed a command, or so that it is reset."""
    port.wants_reset = reset
    command = port.registers().command.read()
    port.registers().command.write(command.replace(start=False))
    port.state = AhciState.STOPPING
    port.until = now + STOP_NS


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
def end_for_reset(controller: AhciController, port: AhciPort) -> None:
    """All that is under way: what was late has timed out."""
    late = port.late & port.issued
    port.late = 0
    end_slots(controller, port, late, BlockOutcome.TIMED_OUT)
    end_slots(controller, port, port.issued, BlockOutcome.RESET)


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
def ask_link(port: AhciPort, what: LinkState) -> None:
    """PxSCTL, at any speed."""
    control = PortLinkControl(detection=what, no_power_states=u8(NO_POWER_STATES))
    port.registers().link_control.write(control)


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
def ask(port: AhciPort, task: AtaTask, state: AhciState, now: u64) -> None:
    """Start the port, with one command of the driver's own."""
    phys_span(port.memory + DATA_OFFSET, IDENTIFY_BYTES).fill(0)
    port_begin(port)
    port.failed = False
    issue_own(port, task)
    port.state = state
    port.until = now + ANSWER_NS


@fn(cold=True)
def own_answer(port: AhciPort, now: u64) -> BlockOutcome:
    """What became of that command."""
    if port.failed:
        return BlockOutcome.IO_ERROR
    if port.registers().issued.read() & 1 != 0:  # until then PxTFD may be of before
        return BlockOutcome.PENDING if now < port.until else BlockOutcome.TIMED_OUT
    return BlockOutcome.IO_ERROR if has_error(port) or is_busy(port) else BlockOutcome.DONE


@fn(cold=True)
def step_identifying(controller: AhciController, port: AhciPort, now: u64) -> None:
    """Somebody may have put in another disk: nothing is written to that."""
    outcome = own_answer(port, now)
    if outcome == BlockOutcome.PENDING:
        return
    if outcome != BlockOutcome.DONE:
        port_stop(port, now, True)
        return
    drive = Local(AtaDrive)
    good = read_drive(drive, phys(IdentifyData, port.memory + DATA_OFFSET))
    if not good or (port.known and not is_same_disk(drive, port.drive)):
        port_gone(controller, port)
        return
    if not port.known:
        port.drive.copy_from(drive)
    port.state = AhciState.RUNNING


@fn(cold=True)
def step_asking(controller: AhciController, port: AhciPort, now: u64) -> None:
    """The log names the command that has failed; the disk has dropped the others. A disk that does not tell gets no
    queued commands any more: of those, one at a time, it is clear which one fails."""
    outcome = own_answer(port, now)
    if outcome == BlockOutcome.PENDING:
        return
    bytes = phys_span(port.memory + DATA_OFFSET, IDENTIFY_BYTES)
    sum = u8(0)
    for i in range(len(bytes)):
        sum = sum.wrapping_add(bytes[i])
    entry = QueuedError.of(bytes[0])
    failed = u32(1) << entry.tag
    if outcome != BlockOutcome.DONE or sum != 0 or entry.not_queued or port.issued & failed == 0:
        port.depth = 0
        port_stop(port, now, True)
        return
    end_slot(controller, port, u32(entry.tag), BlockOutcome.IO_ERROR)
    end_slots(controller, port, port.issued, BlockOutcome.RESET)
    port.resets_in_row = 0
    port.state = AhciState.RUNNING


@fn(cold=True)
def port_run(port: AhciPort) -> None:
    """Take commands again."""
    port_begin(port)
    port.state = AhciState.RUNNING


@fn(cold=True)
def port_begin(port: AhciPort) -> None:
    """PxCMD.ST, with nothing left of what was before (10.3.1)."""
    registers = port.registers()
    registers.errors.write(PortErrors.of(u32(ALL_ONES)))
    registers.interrupts.write(PortInterrupt.of(u32(ALL_ONES)))
    registers.command.write(registers.command.read().replace(start=True))


@fn(cold=True)
def port_place(port: AhciPort) -> None:
    """Tell a port that is stopped where its memory is, and let it receive; the disk may spin up."""
    registers = port.registers()
    registers.list_low.write(u32.trunc(u64(port.memory + LIST_OFFSET)))
    registers.list_high.write(u32(u64(port.memory + LIST_OFFSET) >> 32))
    registers.received_low.write(u32.trunc(u64(port.memory + RECEIVED_OFFSET)))
    registers.received_high.write(u32(u64(port.memory + RECEIVED_OFFSET) >> 32))
    registers.errors.write(PortErrors.of(u32(ALL_ONES)))
    registers.interrupts.write(PortInterrupt.of(u32(ALL_ONES)))
    registers.enabled.write(
        PortInterrupt(
            registers_fis=True,
            pio_setup=True,
            dma_setup=True,
            set_bits=True,
            connection=True,
            link=True,
            overflow=True,
            interface=True,
            bus_data=True,
            bus=True,
            task_file=True,
        )
    )
    ask_link(port, LinkState.NONE)
    registers.command.write(registers.command.read().replace(spin_up=True, power=True))
    registers.command.write(registers.command.read().replace(receive=True))


@fn
def is_busy(port: AhciPort) -> bool:
    """Whether the disk takes no command: then the port must not be started (10.3.1)."""
    status = AtaStatus.of(port.registers().task_file.read().status)
    return status.busy or status.data_request


@fn
def has_error(port: AhciPort) -> bool:
    """Whether the disk has failed its last command."""
    status = AtaStatus.of(port.registers().task_file.read().status)
    return not status.busy and (status.error or status.fault)


@fn(cold=True)
def note_errors(controller: AhciController, port: AhciPort) -> None:
    """Of the link, and forget them."""
    errors = port.registers().errors.read()
    if errors.crc:
        controller.crc_errors = controller.crc_errors.wrapping_add(1)
    port.registers().errors.write(errors)


@fn(cold=True)
def port_gone(controller: AhciController, port: AhciPort) -> None:
    """Nothing of the port is used any more; it has stopped, or the function is cut off."""
    if not controller.gone:
        command = port.registers().command.read()
        port.registers().enabled.write(PortInterrupt())
        port.registers().command.write(command.replace(start=False, receive=command.running))
    port.state = AhciState.GONE
    if port.known:
        DISKS.disks[port.disk].gone = True
    end_slots(controller, port, port.issued, BlockOutcome.GONE)
    controller.commands.finish_all(port.waiting, BlockOutcome.GONE)


@fn(cold=True)
def controller_gone(controller: AhciController) -> None:
    """It does not stop, or does not answer: it is cut off from the bus, and all its disks are gone."""
    function = controller.function
    if function is not None:
        pci_cut_off(function.place)
    controller.gone = True
    controller.resetting = False
    for i in range(controller.port_count):
        port_gone(controller, controller.ports[i])


@fn(cold=True)
def controller_reset(controller: AhciController, now: u64) -> None:
    """A port does not stop: all ports are reset together (10.4.3)."""
    controller.registers().control.write(AhciControl(ahci=True, reset=True))
    controller.resetting = True
    controller.until = now + CONTROLLER_RESET_NS
    for i in range(controller.port_count):
        if controller.ports[i].state != AhciState.GONE:
            controller.ports[i].state = AhciState.CONTROLLER_RESET


@fn(cold=True)
def controller_step(controller: AhciController, now: u64) -> None:
    """When the reset is done, nothing is under way any more, and the ports begin again."""
    control = controller.registers().control.read()
    if u32(control) == ALL_ONES or (control.reset and now >= controller.until):
        controller_gone(controller)
        return
    if control.reset:
        return
    controller.resetting = False
    controller.registers().control.write(AhciControl(ahci=True))
    controller.registers().control.write(AhciControl(ahci=True, interrupts=controller.connected))
    for i in range(controller.port_count):
        port = controller.ports[i]
        if port.state != AhciState.GONE:
            end_for_reset(controller, port)
            port_place(port)
            begin_link_reset(controller, port, now)
