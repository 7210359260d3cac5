"""Looking for the drives of a channel. Drives that are no disks are recognised and left alone; places without a drive
cost no time."""

from __future__ import annotations

from codegen.lang import Local, fn, range, span_of, u8, u32, u64, usize
from drivers.storage.ata.commands import FEATURE_TRANSFER_MODE, MULTIWORD_DMA_0, AtaCommand
from drivers.storage.ata.drive import read_drive
from drivers.storage.ata.identify import IDENTIFY_BYTES, IdentifyData
from drivers.storage.ata.registers import AtaControl, MasterCommand
from drivers.storage.ata.select import is_floating, select, settle, wait_while_busy
from drivers.storage.ata.state import DRIVES, MS, AtaChannel
from drivers.storage.ata.transfer import clear_master

BUSY_NS = 5_000 * MS  # firmware has had its time before
PATTERN_0, PATTERN_1 = 0x55, 0xAA


@fn(cold=True)
def probe_channel(channel: AtaChannel) -> u32:
    """Find the disks of a channel whose ports are known, and let it interrupt. Gives how many there are."""
    channel.control().control.write(AtaControl(no_interrupt=True))
    found = u32(0)
    for i in range(u32(DRIVES)):
        if probe_drive(channel, i):
            channel.units[i].present = True
            found += 1
    if found != 0:
        channel.master().command.write(MasterCommand())
        channel.control().control.write(AtaControl())
        channel.task().status.read()
        clear_master(channel)
    return found


@fn(cold=True)
def probe_drive(channel: AtaChannel, drive: u32) -> bool:
    """Whether a disk that we can use is there; if so, `units[drive].drive` is filled."""
    select(channel, drive, u8(0))
    status = channel.control().status.read()
    if is_floating(status) or (status.busy and wait_while_busy(channel, u64(BUSY_NS)) is None):
        return False
    return remembers(channel) and identify(channel, drive)


@fn(cold=True)
def remembers(channel: AtaChannel) -> bool:
    """Whether there are registers at all: a bus that nobody drives reads as anything."""
    task = channel.task()
    task.count.write(u8(PATTERN_0))
    task.lba_low.write(u8(PATTERN_1))
    task.lba_mid.write(u8(PATTERN_0))
    return task.count.read() == PATTERN_0 and task.lba_low.read() == PATTERN_1 and task.lba_mid.read() == PATTERN_0


@fn(cold=True)
def identify(channel: AtaChannel, drive: u32) -> bool:
    """ATAPI drives abort this command, and do nothing else; drive 0 that is not there never begins it."""
    channel.task().command.write(AtaCommand.IDENTIFY_DEVICE)
    settle(channel)
    if u8(channel.control().status.read()) == 0:
        return False
    status = wait_while_busy(channel, u64(BUSY_NS))
    if status is None or is_floating(status):
        return False
    channel.task().status.read()
    if status.error or status.fault or not status.data_request:
        return False
    data = Local(IdentifyData)
    bytes = span_of(data)
    for i in range(usize(0), usize(IDENTIFY_BYTES), 2):
        word = channel.task().data.read()
        bytes[i] = u8.trunc(word)
        bytes[i + 1] = u8(word >> 8)
    settle(channel)
    status_after = channel.task().status.read()
    found = channel.units[drive].drive
    if status_after.data_request or status_after.busy or not read_drive(found, data) or not found.has_dma:
        return False
    return found.mode_selected or select_mode(channel)


@fn(cold=True)
def select_mode(channel: AtaChannel) -> bool:
    """Where firmware has chosen no mode of DMA, the slowest one: it works with the timing of a controller that nobody
    has told of any."""
    task = channel.task()
    task.features.write(u8(FEATURE_TRANSFER_MODE))
    task.count.write(u8(MULTIWORD_DMA_0))
    task.command.write(AtaCommand.SET_FEATURES)
    settle(channel)
    status = wait_while_busy(channel, u64(BUSY_NS))
    channel.task().status.read()
    return status is not None and not status.error
