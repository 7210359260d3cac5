"""A command of the block interface becomes one of a drive, and ends (Bus Master IDE 1.0, 3.1)."""

from __future__ import annotations

from codegen.lang import Local, fn, min, phys, range, u8, u16, u32, u64
from drivers.storage.ata.commands import AtaStatus
from drivers.storage.ata.registers import (
    PRD_BYTES,
    PRD_LAST,
    PRD_SPAN,
    MasterCommand,
    MasterStatus,
    PhysicalRegion,
)
from drivers.storage.ata.select import is_free, select
from drivers.storage.ata.state import TRIM_OFFSET, AtaChannel, AtaController
from drivers.storage.ata.task import AtaTask, flush_task, transfer_task, trim_task
from drivers.storage.ata.trim import TRIM_BYTES, trim_fill
from drivers.storage.command import COMMANDS, SECTOR, BlockCommand, BlockOperation, BlockOutcome
from drivers.storage.disk import DISKS

READY_READS = 200  # an idle drive is ready at once; a busy one holds nobody up for more than some 100 us
ALL_ONES = 0xFF


@fn
def put_region(channel: AtaChannel, entry: u32, address: u64, bytes: u32, last: bool) -> None:
    region = phys(PhysicalRegion, channel.memory + u64(entry) * PRD_BYTES)
    region.address = u32(address)
    region.bytes = u16.trunc(bytes)
    region.flags = u16(PRD_LAST) if last else u16(0)


@fn
def put_regions(channel: AtaChannel, command: BlockCommand) -> None:
    """The table for the command's data: no entry crosses a multiple of 64 KiB. (At most BYTES_MAX / 64 KiB entries
    begin at such a multiple, and one for each segment does not: half a page is enough.)"""
    entry = u32(0)
    for i in range(command.segment_count):
        segment = command.segments[i]
        address = u64(segment.hpa)
        left = segment.bytes
        while left != 0:
            bytes = min(left, u32(PRD_SPAN) - u32(address & (PRD_SPAN - 1)))
            left -= bytes
            put_region(channel, entry, address, bytes, left == 0 and i + 1 == command.segment_count)
            address += u64(bytes)
            entry += 1


@fn
def channel_issue(channel: AtaChannel, number: u32) -> bool:
    """Give the command to its drive. False when that is not ready for one: nothing has happened."""
    command = COMMANDS[number]
    unit = channel.units[DISKS.disks[command.disk].unit & 1]
    task = Local(AtaTask)
    to_memory = False
    has_data = True
    match command.operation:
        case BlockOperation.READ | BlockOperation.WRITE:
            to_memory = command.operation == BlockOperation.READ
            put_regions(channel, command)
            block = unit.drive.identity.block
            lba = command.sector * SECTOR // block
            sectors = u32(u64(command.sectors) * SECTOR // block)
            transfer_task(task, unit.drive, not to_memory, lba, sectors)
        case BlockOperation.DISCARD:
            buffer = channel.memory + TRIM_OFFSET
            trim_fill(channel.trim, buffer)
            put_region(channel, u32(0), u64(buffer), u32(TRIM_BYTES), True)
            trim_task(task)
        case BlockOperation.FLUSH | BlockOperation.WRITE_ZEROES:
            flush_task(task, unit.drive)
            has_data = False
    select(channel, DISKS.disks[command.disk].unit & 1, task.device)
    if not becomes_free(channel):
        return False
    master = channel.master()
    if has_data:
        master.table.write(u32(u64(channel.memory)))
    master.command.write(MasterCommand(to_memory=to_memory))
    clear_master(channel)
    put_task(channel, task)
    if has_data:
        master.command.write(MasterCommand(to_memory=to_memory, start=True))
    return True


@fn
def becomes_free(channel: AtaChannel) -> bool:
    """Whether the selected drive takes a command, now or very soon."""
    for _ in range(u32(READY_READS)):
        if is_free(channel.control().status.read()):
            return True
    return False


@fn
def put_task(channel: AtaChannel, task: AtaTask) -> None:
    """Write the task file; the command last."""
    block = channel.task()
    if task.wide:
        block.features.write(u8(task.features >> 8))
        block.count.write(u8(task.count >> 8))
        block.lba_low.write(u8(task.lba >> 24 & 0xFF))
        block.lba_mid.write(u8(task.lba >> 32 & 0xFF))
        block.lba_high.write(u8(task.lba >> 40 & 0xFF))
    block.features.write(u8.trunc(task.features))
    block.count.write(u8.trunc(task.count))
    block.lba_low.write(u8.trunc(task.lba))
    block.lba_mid.write(u8(task.lba >> 8 & 0xFF))
    block.lba_high.write(u8(task.lba >> 16 & 0xFF))
    block.command.write(task.command)


@fn
def clear_master(channel: AtaChannel) -> None:
    """Its interrupt and error; the firmware's notes stay."""
    status = channel.master().status.read()
    channel.master().status.write(status.replace(active=False, simplex=False, error=True, interrupt=True))


@fn
def channel_answer(controller: AtaController, channel: AtaChannel) -> BlockOutcome:
    """What became of the command that is under way: PENDING, or it has ended, DMA and interrupt too. GONE: the
    controller does not answer."""
    master = channel.master().status.read()
    if u8(master) == ALL_ONES:
        return BlockOutcome.GONE
    if not master.interrupt:
        return BlockOutcome.PENDING
    if channel.control().status.read().busy:
        clear_master(channel)  # so that the line's next edge is seen
        controller.spurious = controller.spurious.wrapping_add(1)
        return BlockOutcome.PENDING
    channel.master().command.write(MasterCommand())
    status = channel.task().status.read()
    clear_master(channel)
    if is_good(status, master):
        return BlockOutcome.DONE
    controller.errors = controller.errors.wrapping_add(1)
    if status.error and channel.task().error.read().crc:
        controller.crc_errors = controller.crc_errors.wrapping_add(1)
    return BlockOutcome.IO_ERROR


@fn
def channel_quieten(controller: AtaController, channel: AtaChannel) -> None:
    """Take back an interrupt while no command is under way."""
    master = channel.master().status.read()
    if master.interrupt and u8(master) != ALL_ONES:
        channel.task().status.read()
        clear_master(channel)
        controller.spurious = controller.spurious.wrapping_add(1)


@fn
def is_good(status: AtaStatus, master: MasterStatus) -> bool:
    """No error, and as much data as was asked for: the master would be active still."""
    return not (status.error or status.fault or status.data_request or master.error or master.active)
