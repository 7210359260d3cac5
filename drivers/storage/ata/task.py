"""The task file: the registers by which an ATA disk is told what to do, or the same values in a FIS."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u8, u16, u32, u64
from drivers.storage.ata.commands import DEVICE_LBA, FEATURE_TRIM, AtaCommand
from drivers.storage.ata.drive import NARROW_END, NARROW_SECTORS, AtaDrive


class AtaTask(Struct):
    """One command. `count`: 0 stands for the most that the register can say plus one."""

    command: Field[AtaCommand]
    wide: Field[bool]  # a 48-bit command: high bytes of all registers count
    device: Field[u8]
    features: Field[u16]
    count: Field[u16]
    lba: Field[u64]


@fn
def transfer_task(task: AtaTask, drive: AtaDrive, write: bool, lba: u64, sectors: u32) -> None:
    """READ or WRITE DMA of 1 to 65536 logical sectors, which exist; at most NARROW_SECTORS without `wide`."""
    task.zero()
    task.lba = lba
    task.count = u16.trunc(sectors)
    task.device = DEVICE_LBA
    task.wide = drive.wide and (lba + u64(sectors) > NARROW_END or sectors > NARROW_SECTORS)
    if task.wide:
        task.command = AtaCommand.WRITE_DMA_EXT if write else AtaCommand.READ_DMA_EXT
    else:
        task.command = AtaCommand.WRITE_DMA if write else AtaCommand.READ_DMA
        task.count = u16(sectors & 0xFF)
        task.device = u8(DEVICE_LBA) | u8(lba >> 24 & 0xF)


@fn
def queued_task(task: AtaTask, write: bool, lba: u64, sectors: u32, tag: u32) -> None:
    """READ or WRITE FPDMA QUEUED (ACS-2, 7.22 and 7.63)."""
    task.zero()
    task.command = AtaCommand.WRITE_FPDMA_QUEUED if write else AtaCommand.READ_FPDMA_QUEUED
    task.wide = True
    task.lba = lba
    task.features = u16.trunc(sectors)
    task.count = u16(tag << 3)
    task.device = DEVICE_LBA


@fn
def flush_task(task: AtaTask, drive: AtaDrive) -> None:
    """FLUSH CACHE, or its 48-bit form."""
    task.zero()
    task.wide = drive.flush_wide
    task.command = AtaCommand.FLUSH_CACHE_EXT if drive.flush_wide else AtaCommand.FLUSH_CACHE
    task.device = DEVICE_LBA


@fn
def trim_task(task: AtaTask) -> None:
    """DATA SET MANAGEMENT with one block of ranges (trim.py)."""
    task.zero()
    task.wide = True
    task.command = AtaCommand.DATA_SET_MANAGEMENT
    task.features = FEATURE_TRIM
    task.count = 1
    task.device = DEVICE_LBA


@fn
def identify_task(task: AtaTask) -> None:
    """IDENTIFY DEVICE."""
    task.zero()
    task.command = AtaCommand.IDENTIFY_DEVICE


@fn
def log_task(task: AtaTask, log: u8) -> None:
    """READ LOG EXT, the first page of this log (ACS-2, 7.24)."""
    task.zero()
    task.wide = True
    task.command = AtaCommand.READ_LOG_EXT
    task.count = 1
    task.lba = u64(log)
