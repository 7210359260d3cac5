"""Ports of an IDE controller: of each channel the task file (ATA/ATAPI-7, volume 2, chapter 5), the control block, and
the bus master (Programming Interface for Bus Master IDE Controller 1.0, chapter 2; Intel 82371FB/SB, 2.7)."""

from __future__ import annotations

from codegen.lang import RO, WO, BitStruct, Field, PortBlock, Reg, Struct, at, bit, u8, u16, u32
from drivers.storage.ata.commands import AtaCommand, AtaError, AtaStatus

IDE_CLASS = 0x0101
CHANNELS = 2
# Where a channel in compatibility mode is.
COMMAND_PORTS = (0x1F0, 0x170)
CONTROL_PORTS = (0x3F6, 0x376)
IRQS = (14, 15)
COMMAND_BYTES = 8
CONTROL_BYTES = 4  # of the native BAR
CONTROL_IN_BAR = 2
MASTER_BYTES = 8  # of each channel, behind BAR 4


class IdeInterface(BitStruct, repr=u8):
    """The programming interface in configuration space (PCI IDE Controller Specification 1.0, 2.1)."""

    native_0: bool = bit(0)  # the channel lies where its BARs say
    native_1: bool = bit(2)
    bus_master: bool = bit(7)


class AtaCommandBlock(PortBlock, size=COMMAND_BYTES):
    """The task file. For 48-bit commands `features` to `lba_high` are written twice, the high bytes first."""

    data: Reg[u16] = at(0)
    error: Reg[AtaError] = at(1, access=RO)
    features: Reg[u8] = at(1, access=WO)
    count: Reg[u8] = at(2)
    lba_low: Reg[u8] = at(3)
    lba_mid: Reg[u8] = at(4)
    lba_high: Reg[u8] = at(5)
    device: Reg[u8] = at(6)
    status: Reg[AtaStatus] = at(7, access=RO)  # reading it takes the interrupt back
    command: Reg[AtaCommand] = at(7, access=WO)


class AtaControl(BitStruct, repr=u8):
    """Device control (ATA/ATAPI-7, volume 2, 5.2.4)."""

    no_interrupt: bool = bit(1)
    reset: bool = bit(2)  # both drives, as long as it is set


class AtaControlBlock(PortBlock, size=1):
    """One port for two registers."""

    status: Reg[AtaStatus] = at(0, access=RO)  # the alternate one: reading it changes nothing
    control: Reg[AtaControl] = at(0, access=WO)


class MasterCommand(BitStruct, repr=u8):
    """2.1.1."""

    start: bool = bit(0)
    to_memory: bool = bit(3)


class MasterStatus(BitStruct, repr=u8):
    """2.1.2. Written ones clear `error` and `interrupt`."""

    active: bool = bit(0)
    error: bool = bit(1)
    interrupt: bool = bit(2)  # the drive's line has risen, and all data is in memory
    drive_0_dma: bool = bit(5)  # notes of the firmware
    drive_1_dma: bool = bit(6)
    simplex: bool = bit(7)  # one channel at a time


class BusMaster(PortBlock, size=MASTER_BYTES):
    """Of one channel."""

    command: Reg[MasterCommand] = at(0)
    status: Reg[MasterStatus] = at(2)
    table: Reg[u32] = at(4)


PRD_LAST = 0x8000
PRD_BYTES = 8
PRD_SPAN = 1 << 16  # what an entry describes lies within one such piece of memory


class PhysicalRegion(Struct, size=8, align=4, shared=True):
    """An entry of the table of physical region descriptors (1.2)."""

    address: Field[u32] = at(0)
    bytes: Field[u16] = at(4)  # 0 is 64 KiB
    flags: Field[u16] = at(6)
