"""The driver of IDE controllers with bus-master DMA: commands come in, go to their channels, and are collected.

Who calls holds a lock for the controller. It works by interrupts, and without: `ata_collect` looks at the registers.
"""

from __future__ import annotations

from codegen.lang import fn, max, min, range, u32, u64
from drivers.host import moment
from drivers.storage.ata.recovery import (
    channel_fail,
    channel_step,
    controller_gone,
    end_current,
)
from drivers.storage.ata.registers import CHANNELS
from drivers.storage.ata.state import ATA, MS, NEVER, AtaChannel, AtaController, AtaState
from drivers.storage.ata.transfer import channel_answer, channel_issue, channel_quieten
from drivers.storage.ata.trim import trim_begin
from drivers.storage.command import COMMANDS, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS
from drivers.storage.limits import within_limits

POLL_NS = 1 * MS  # between the steps of a reset
COMING_UP_NS = 50 * MS  # and between looks at drives that come up


@fn
def ata_submit(command: u32) -> bool:
    """Take COMMANDS[command], whose disk is one of ours. False only when the driver has it already. One that breaks
    the disk's limits is collected as REFUSED."""
    disk = DISKS.disks[COMMANDS[command].disk]
    controller = ATA.controllers[disk.controller]
    if not controller.commands.accept(command):
        return False
    channel = controller.channels[disk.unit >> 1]
    if disk.gone:
        controller.commands.finish(command, BlockOutcome.GONE)
    elif not within_limits(disk, COMMANDS[command]):
        controller.commands.finish(command, BlockOutcome.REFUSED)
    elif COMMANDS[command].operation == BlockOperation.FLUSH and not disk.caches_writes:
        controller.commands.finish(command, BlockOutcome.DONE)
    else:
        channel.waiting.put(command)
        channel_next(controller, channel)
    return True


@fn
def ata_collect(controller: u32) -> u32 | None:
    """The next command that has finished, its `outcome` set; acknowledges interrupts. None: no more now."""
    found = ATA.controllers[controller]
    ready = found.commands.collect()
    if ready is not None:
        return ready
    controller_look(found, moment())
    return found.commands.collect()


@fn
def ata_tick(controller: u32, now: u64) -> u64:
    """Look at the deadlines, and go on with resets. Gives the time (ns) of the next call, or NEVER. Commands may have
    ended by it, and what is submitted or collected later may bring that time forward: ask again after those."""
    found = ATA.controllers[controller]
    if wants_look(found, now):
        controller_look(found, now)
    next = u64(NEVER)
    for i in range(u32(CHANNELS)):
        next = min(next, channel_deadlines(found, found.channels[i], now))
    return next


@fn
def wants_look(controller: AtaController, now: u64) -> bool:
    """Whether a channel is being reset, or has a command that is late unless it has just ended."""
    for i in range(u32(CHANNELS)):
        channel = controller.channels[i]
        match channel.state:
            case AtaState.ABSENT | AtaState.IDLE | AtaState.GONE:
                pass
            case AtaState.ACTIVE:
                if COMMANDS[channel.current].deadline <= now:
                    return True
            case _:
                return True
    return False


@fn
def controller_look(controller: AtaController, now: u64) -> None:
    """What has happened on both channels, and what is next there."""
    for i in range(u32(CHANNELS)):
        channel_look(controller, controller.channels[i], now)
    controller.turn = controller.turn ^ 1
    for i in range(u32(CHANNELS)):
        channel_next(controller, controller.channels[i ^ controller.turn])


@fn
def channel_look(controller: AtaController, channel: AtaChannel, now: u64) -> None:
    """What has happened."""
    match channel.state:
        case AtaState.ABSENT | AtaState.GONE:
            return
        case AtaState.IDLE:
            channel_quieten(controller, channel)
        case AtaState.ACTIVE:
            outcome = channel_answer(controller, channel)
            if outcome == BlockOutcome.GONE:
                controller_gone(controller)
            elif outcome != BlockOutcome.PENDING:
                channel.resets_in_row = 0
                channel.state = AtaState.IDLE
                if outcome == BlockOutcome.DONE and channel.trim.left != 0:
                    issue(controller, channel)
                else:
                    end_current(controller, channel, outcome)
        case _:
            channel_step(controller, channel, now)


@fn
def channel_next(controller: AtaController, channel: AtaChannel) -> None:
    """Give the next waiting command to its drive, if that is possible now."""
    while channel.state == AtaState.IDLE and not (controller.simplex and other_is_active(controller)):
        command = channel.waiting.take_first()
        if command is None:
            return
        disk = DISKS.disks[COMMANDS[command].disk]
        if disk.gone:
            controller.commands.finish(command, BlockOutcome.GONE)
            continue
        channel.current = command
        channel.has_current = True
        channel.trim.zero()
        if COMMANDS[command].operation == BlockOperation.DISCARD:
            trim_begin(channel.trim, COMMANDS[command], u64(disk.block))
        issue(controller, channel)


@fn
def issue(controller: AtaController, channel: AtaChannel) -> None:
    """The current command, or the rest of it. A drive that is not ready for one is reset."""
    channel.state = AtaState.ACTIVE
    if not channel_issue(channel, channel.current):
        channel_fail(channel, moment(), False)


@fn
def other_is_active(controller: AtaController) -> bool:
    """Whether any channel has a command at a drive."""
    for i in range(u32(CHANNELS)):
        if controller.channels[i].has_current:
            return True
    return False


@fn
def channel_deadlines(controller: AtaController, channel: AtaChannel, now: u64) -> u64:
    """When this channel is to be looked at again."""
    if channel.state == AtaState.ABSENT or channel.state == AtaState.GONE:
        return u64(NEVER)
    controller.timeouts = controller.timeouts.wrapping_add(controller.commands.expire(channel.waiting, now))
    next = channel.waiting.next_deadline()
    if channel.state == AtaState.ACTIVE:
        deadline = COMMANDS[channel.current].deadline
        if deadline <= now:
            controller.timeouts = controller.timeouts.wrapping_add(1)
            channel_fail(channel, now, True)
        else:
            next = min(next, deadline)
    if channel.state != AtaState.ACTIVE and channel.state != AtaState.IDLE:
        pace = u64(COMING_UP_NS) if channel.state == AtaState.RECOVERING else u64(POLL_NS)
        next = min(next, max(channel.not_before, now + pace))
    return next
