"""The driver of AHCI controllers: commands come in, go to their ports, and are collected.

Who calls holds a lock for the controller. It works by interrupts, and without: `ahci_collect` looks at the registers.
"""

from __future__ import annotations

from codegen.lang import fn, max, min, range, u32, u64
from drivers.host import moment
from drivers.interrupt.message import MessageAddress, MessageData
from drivers.pci.msi import msi_enable
from drivers.storage.ahci.answer import port_look
from drivers.storage.ahci.controller_reset import controller_step
from drivers.storage.ahci.end import controller_gone
from drivers.storage.ahci.issue import port_next
from drivers.storage.ahci.port import ALL_ONES, port_stop
from drivers.storage.ahci.registers import AhciControl
from drivers.storage.ahci.state import AHCI, MS, NEVER, AhciController, AhciPort, AhciState
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS
from drivers.storage.limits import within_limits

POLL_NS = 1 * MS  # between the steps of a reset
COMING_UP_NS = 20 * MS  # and between looks at a disk that comes up, or answers the driver itself


@fn(cold=True)
def ahci_connect(controller: u32, address: MessageAddress, data: MessageData) -> bool:
    """Interrupts by this message from now on. False when the function has no MSI. Call `ahci_collect` once afterwards:
    what has happened before has no message."""
    found = AHCI.controllers[controller]
    function = found.function
    if function is None or found.gone or not msi_enable(function, address, data):
        return False
    found.connected = True
    if not found.resetting:
        found.registers().control.write(AhciControl(ahci=True, interrupts=True))
    return True


@fn
def ahci_submit(command: u32) -> bool:
    """Take COMMANDS[command], whose disk is one of ours. False only when the driver has it already. One that breaks
    the disk's limits is collected as REFUSED."""
    disk = DISKS.disks[COMMANDS[command].disk]
    controller = AHCI.controllers[disk.controller]
    if not controller.commands.accept(command):
        return False
    if disk.gone:
        controller.commands.finish(command, BlockOutcome.GONE)
    elif not within_limits(disk, COMMANDS[command]):
        controller.commands.finish(command, BlockOutcome.REFUSED)
    elif COMMANDS[command].operation == BlockOperation.FLUSH and not disk.caches_writes:
        controller.commands.finish(command, BlockOutcome.DONE)
    else:
        port = controller.ports[controller.port_of[disk.unit]]
        port.waiting.put(command)
        port_next(controller, port)
    return True


@fn
def ahci_collect(controller: u32) -> u32 | None:
    """The next command that has finished, its `outcome` set; acknowledges interrupts. None: no more now."""
    found = AHCI.controllers[controller]
    ready = found.commands.collect()
    if ready is None and not found.gone:
        controller_look(found)
        ready = found.commands.collect()
    return ready


@fn
def controller_look(controller: AhciController) -> None:
    """What has happened at the ports that interrupt, and at those that are being reset."""
    now = moment()
    if controller.resetting:
        controller_step(controller, now)
        return
    pending = controller.registers().interrupts.read()
    if pending == ALL_ONES and u32(controller.registers().control.read()) == ALL_ONES:
        controller_gone(controller)
        return
    ours = u32(0)
    for i in range(controller.port_count):
        port = controller.ports[i]
        ours = ours | u32(1) << port.number
        if port.state == AhciState.GONE:
            continue
        if port.state != AhciState.RUNNING or pending >> port.number & 1 != 0:
            port_look(controller, port, now)
            if controller.resetting or controller.gone:
                return
            port_next(controller, port)
    if pending & ~ours != 0:
        controller.registers().interrupts.write(pending & ~ours)


@fn
def ahci_tick(controller: u32, now: u64) -> u64:
    """Look at the deadlines, and go on with resets. Gives the time (ns) of the next call, or NEVER. Commands may have
    ended by it, and what is submitted or collected later may bring that time forward: ask again after those."""
    found = AHCI.controllers[controller]
    if found.gone:
        return u64(NEVER)
    if found.resetting:
        controller_step(found, now)
    next = u64(NEVER)
    for i in range(found.port_count):
        port = found.ports[i]
        if port.state != AhciState.GONE and not found.resetting and wants_look(port, now):
            port_look(found, port, now)
            if not found.resetting:
                port_next(found, port)
        next = min(next, port_deadlines(found, port, now))
    return u64(NEVER) if found.gone else next


@fn
def pace_of(state: AhciState) -> u64:
    """The controller is quick, disks are slow."""
    match state:
        case AhciState.STOPPING | AhciState.LINK_RESET | AhciState.CONTROLLER_RESET:
            return u64(POLL_NS)
        case _:
            return u64(COMING_UP_NS)


@fn
def wants_look(port: AhciPort, now: u64) -> bool:
    """Whether it is being reset, or a command is late unless it has just ended."""
    if port.state != AhciState.RUNNING:
        return True
    left = port.issued
    while left != 0:
        if COMMANDS[port.slots[left.trailing_zeros()]].deadline <= now:
            return True
        left = left & left.wrapping_sub(1)
    return False


@fn
def port_deadlines(controller: AhciController, port: AhciPort, now: u64) -> u64:
    """When this port is to be looked at again."""
    if port.state == AhciState.GONE:
        return u64(NEVER)
    controller.timeouts = controller.timeouts.wrapping_add(controller.commands.expire(port.waiting, now))
    next = port.waiting.next_deadline()
    if port.state != AhciState.RUNNING:
        return min(next, max(port.not_before, now + pace_of(port.state)))
    left = port.issued
    while left != 0:
        slot = left.trailing_zeros()
        left = left & left.wrapping_sub(1)
        deadline = COMMANDS[port.slots[slot]].deadline
        if deadline <= now:
            controller.timeouts = controller.timeouts.wrapping_add(1)
            port.late = port.late | u32(1) << slot
        else:
            next = min(next, deadline)
    if port.late != 0:
        port_stop(port, now, True)
        return now + POLL_NS
    return next
