"""Commands go into slots. Queued ones (NCQ) are many at a time, the others alone: a disk takes no other command while
it has queued ones (ACS-2, 4.15), and commands begin in the order in which they come, so that neither kind starves."""

from __future__ import annotations

from codegen.lang import Local, fn, phys, range, u8, u32, u64
from drivers.storage.ahci.commands import CommandTable, put_fis, put_header, put_region
from drivers.storage.ahci.state import DATA_OFFSET, TRIM_OFFSET, AhciController, AhciPort, AhciState, table_at
from drivers.storage.ata.identify import IDENTIFY_BYTES
from drivers.storage.ata.task import AtaTask, flush_task, queued_task, transfer_task, trim_task
from drivers.storage.ata.trim import TRIM_BYTES, trim_begin, trim_fill
from drivers.storage.command import COMMANDS, SECTOR, BlockCommand, BlockOperation


@fn
def port_next(controller: AhciController, port: AhciPort) -> None:
    """Give the disk as many of the waiting commands as it takes now."""
    while port.state == AhciState.RUNNING and port.waiting.length != 0 and not port.exclusive:
        number = port.waiting.at(u32(0))
        queued = is_queued(port, COMMANDS[number])
        slot = (~port.issued).trailing_zeros() if queued else u32(0)
        if (queued and slot >= port.depth) or (not queued and port.issued != 0):
            return
        port.waiting.take(u32(0))
        port.slots[slot] = u8(number)
        if queued:
            issue_queued(port, slot, COMMANDS[number])
        else:
            port.trim.zero()
            if COMMANDS[number].operation == BlockOperation.DISCARD:
                trim_begin(port.trim, COMMANDS[number], port.drive.identity.block)
            issue_alone(port, COMMANDS[number])


@fn
def is_queued(port: AhciPort, command: BlockCommand) -> bool:
    """Whether the command goes as a queued one."""
    transfers = command.operation == BlockOperation.READ or command.operation == BlockOperation.WRITE
    return port.depth != 0 and transfers


@fn
def issue_queued(port: AhciPort, slot: u32, command: BlockCommand) -> None:
    """The tag is the slot's number."""
    task = Local(AtaTask)
    write = command.operation == BlockOperation.WRITE
    queued_task(task, write, first_sector(port, command), all_sectors(port, command), slot)
    put_segments(port, slot, command)
    put_command(port, slot, task, command.segment_count, write)
    port.issued = port.issued | u32(1) << slot
    port.registers().active.write(u32(1) << slot)
    port.registers().issued.write(u32(1) << slot)


@fn
def issue_alone(port: AhciPort, command: BlockCommand) -> None:
    """In slot 0; of a DISCARD the next part."""
    task = Local(AtaTask)
    regions = u32(0)
    write = False
    match command.operation:
        case BlockOperation.READ | BlockOperation.WRITE:
            write = command.operation == BlockOperation.WRITE
            transfer_task(task, port.drive, write, first_sector(port, command), all_sectors(port, command))
            put_segments(port, u32(0), command)
            regions = command.segment_count
        case BlockOperation.DISCARD:
            write = True
            trim_task(task)
            trim_fill(port.trim, port.memory + TRIM_OFFSET)
            put_region(
                phys(CommandTable, table_at(port, u32(0))), u32(0), u64(port.memory + TRIM_OFFSET), u32(TRIM_BYTES)
            )
            regions = u32(1)
        case BlockOperation.FLUSH | BlockOperation.WRITE_ZEROES:
            flush_task(task, port.drive)
    put_command(port, u32(0), task, regions, write)
    port.issued = 1
    port.exclusive = True
    port.registers().issued.write(1)


@fn(cold=True)
def issue_own(port: AhciPort, task: AtaTask) -> None:
    """A command of the driver's own, in slot 0 of a port that has just been started: 512 bytes to DATA_OFFSET."""
    table = phys(CommandTable, table_at(port, u32(0)))
    put_region(table, u32(0), u64(port.memory + DATA_OFFSET), u32(IDENTIFY_BYTES))
    put_command(port, u32(0), task, u32(1), False)
    port.registers().issued.write(1)


@fn
def first_sector(port: AhciPort, command: BlockCommand) -> u64:
    """In the disk's own sectors."""
    return command.sector * SECTOR // port.drive.identity.block


@fn
def all_sectors(port: AhciPort, command: BlockCommand) -> u32:
    """In the disk's own sectors."""
    return u32(u64(command.sectors) * SECTOR // port.drive.identity.block)


@fn
def put_segments(port: AhciPort, slot: u32, command: BlockCommand) -> None:
    """Each is a region: a command has less data than one region may have."""
    table = phys(CommandTable, table_at(port, slot))
    for i in range(command.segment_count):
        put_region(table, i, u64(command.segments[i].hpa), command.segments[i].bytes)


@fn
def put_command(port: AhciPort, slot: u32, task: AtaTask, regions: u32, to_device: bool) -> None:
    """All but the regions."""
    table = table_at(port, slot)
    put_fis(phys(CommandTable, table).fis, task)
    put_header(port.memory, slot, table, regions, to_device)
