"""A channel whose drive does not answer is reset, step by step; nobody waits. A command ends when DMA has."""

from __future__ import annotations

from codegen.lang import fn, range, u8, u32, u64
from drivers.pci.cut_off import pci_cut_off
from drivers.storage.ata.registers import CHANNELS, AtaControl, MasterCommand
from drivers.storage.ata.select import is_floating, select
from drivers.storage.ata.state import DRIVES, MS, RESETS_MAX, AtaChannel, AtaController, AtaState
from drivers.storage.ata.transfer import ALL_ONES, clear_master
from drivers.storage.command import BlockOutcome
from drivers.storage.disk import DISKS

STOP_NS = 10 * MS  # PIIX stops at once
ASSERT_NS = 10_000  # at least 5 us (ATA/ATAPI-7, volume 2, 9.2)
QUIET_NS = 2 * MS  # before the first look at the status
READY_NS = 31_000 * MS  # what a drive may take


@fn(cold=True)
def channel_fail(channel: AtaChannel, now: u64, late: bool) -> None:
    """Begin a reset. The current command ends TIMED_OUT if it is `late`, else RESET."""
    channel.late = late
    channel.master().command.write(MasterCommand())
    channel.state = AtaState.STOPPING
    channel.not_before = now
    channel.until = now + STOP_NS


@fn(cold=True)
def channel_step(controller: AtaController, channel: AtaChannel, now: u64) -> None:
    """One step of a reset, when it is time for it."""
    if now < channel.not_before:
        return
    match channel.state:
        case AtaState.STOPPING:
            step_stopping(controller, channel, now)
        case AtaState.RESETTING:
            channel.control().control.write(AtaControl())
            channel.state = AtaState.RECOVERING
            channel.not_before = now + QUIET_NS
            channel.until = now + READY_NS
        case AtaState.RECOVERING:
            step_recovering(controller, channel, now)
        case _:
            pass


@fn(cold=True)
def step_stopping(controller: AtaController, channel: AtaChannel, now: u64) -> None:
    """The master is to say that it has stopped."""
    status = channel.master().status.read()
    if status.active:
        if now >= channel.until or u8(status) == ALL_ONES:
            controller_gone(controller)
        return
    clear_master(channel)
    end_current(controller, channel, BlockOutcome.TIMED_OUT if channel.late else BlockOutcome.RESET)
    if channel.resets_in_row >= RESETS_MAX:
        channel_gone(controller, channel)
        return
    channel.resets_in_row += 1
    controller.resets = controller.resets.wrapping_add(1)
    channel.control().control.write(AtaControl(reset=True))
    channel.state = AtaState.RESETTING
    channel.not_before = now + ASSERT_NS


@fn(cold=True)
def step_recovering(controller: AtaController, channel: AtaChannel, now: u64) -> None:
    """Drives that are not busy any more are asked who they are; those still missing at the end are gone."""
    some = False
    for i in range(u32(DRIVES)):
        unit = channel.units[i]
        if not unit.present:
            continue
        select(channel, i, u8(0))
        status = channel.control().status.read()
        up = status.ready and not status.busy  # drive 1 answers for a drive 0 that is not there: it is never ready
        if not up and not is_floating(status) and now < channel.until:
            return
        if not up or is_floating(status) or not has_signature(channel):
            unit.present = False
            DISKS.disks[unit.number].gone = True
        else:
            some = True
    if not some:
        channel_gone(controller, channel)
        return
    channel.task().status.read()
    clear_master(channel)
    channel.state = AtaState.IDLE


@fn(cold=True)
def has_signature(channel: AtaChannel) -> bool:
    """Whether the selected drive is an ATA disk just after a reset (volume 2, 9.12)."""
    task = channel.task()
    return task.lba_mid.read() == 0 and task.lba_high.read() == 0 and task.lba_low.read() == 1


@fn
def end_current(controller: AtaController, channel: AtaChannel, outcome: BlockOutcome) -> None:
    """The command under way, if any, is under way no longer."""
    if channel.has_current:
        channel.has_current = False
        controller.commands.finish(channel.current, outcome)


@fn(cold=True)
def channel_gone(controller: AtaController, channel: AtaChannel) -> None:
    """Nothing of the channel is used any more. Its master has stopped, or the function is cut off."""
    channel.state = AtaState.GONE
    for i in range(u32(DRIVES)):
        if channel.units[i].present:
            channel.units[i].present = False
            DISKS.disks[channel.units[i].number].gone = True
    end_current(controller, channel, BlockOutcome.GONE)
    controller.commands.finish_all(channel.waiting, BlockOutcome.GONE)


@fn(cold=True)
def controller_gone(controller: AtaController) -> None:
    """It does not stop, or does not answer: it is cut off from the bus, and all its disks are gone."""
    pci_cut_off(controller.place)
    for i in range(u32(CHANNELS)):
        channel = controller.channels[i]
        if channel.state != AtaState.ABSENT:
            channel_gone(controller, channel)
