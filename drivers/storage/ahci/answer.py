"""What ports report: commands that have ended, errors, disks that come and go."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.storage.ahci.end import controller_gone, end_slots
from drivers.storage.ahci.issue import issue_alone
from drivers.storage.ahci.port import ALL_ONES, has_error, port_stop
from drivers.storage.ahci.recovery import port_step
from drivers.storage.ahci.registers import PortInterrupt
from drivers.storage.ahci.state import AhciController, AhciPort, AhciState
from drivers.storage.command import COMMANDS, BlockOutcome


@fn
def port_look(controller: AhciController, port: AhciPort, now: u64) -> None:
    """What has happened at a port. Interrupts are taken back before the commands are looked at (5.5.3): whatever ends
    later interrupts again."""
    registers = port.registers()
    events = registers.interrupts.read()
    if u32(events) == ALL_ONES:
        controller_gone(controller)
        return
    if u32(events) != 0:
        registers.interrupts.write(events)
    controller.registers().interrupts.write(u32(1) << port.number)
    if port.state != AhciState.RUNNING:
        port.failed = port.failed or is_fatal(events) or events.task_file
        port_step(controller, port, now)
        return
    ended = take_ended(controller, port, events.task_file)
    if is_fatal(events) or events.link or events.connection:
        port_stop(port, now, True)
    elif events.task_file or port.failed:
        controller.errors = controller.errors.wrapping_add(1)
        port_stop(port, now, False)
    elif u32(events) != 0 and ended == 0 and port.issued == 0:
        controller.spurious = controller.spurious.wrapping_add(1)


@fn
def is_fatal(events: PortInterrupt) -> bool:
    """What only a reset mends."""
    return events.overflow or events.interface or events.bus_data or events.bus


@fn
def take_ended(controller: AhciController, port: AhciPort, error: bool) -> u32:
    """End the commands that the disk has carried out; gives their slots. `error`: it has also failed one. Sets
    `port.failed` when that is the one that was alone: some controllers count it as ended."""
    port.failed = False
    if port.issued == 0:
        return u32(0)
    registers = port.registers()
    if not port.exclusive:
        ended = port.issued & ~(registers.issued.read() | registers.active.read())
        if ended != 0:
            port.resets_in_row = 0
            end_slots(controller, port, ended, BlockOutcome.DONE)
        return ended
    if error or registers.issued.read() & 1 != 0:
        return u32(0)
    if has_error(port):
        port.failed = True
        return u32(0)
    port.resets_in_row = 0
    if port.trim.left != 0:
        issue_alone(port, COMMANDS[port.slots[0]])
    else:
        end_slots(controller, port, u32(1), BlockOutcome.DONE)
    return u32(1)
