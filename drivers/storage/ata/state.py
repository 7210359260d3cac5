"""What is known of the IDE controllers, their channels and the disks there."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, HwEnum, Struct, count, fn, ports, storage, u8, u16, u32, u64
from drivers.pci.address import PciAddress
from drivers.storage.ata.drive import AtaDrive
from drivers.storage.ata.registers import CHANNELS, AtaCommandBlock, AtaControlBlock, BusMaster
from drivers.storage.ata.trim import TrimProgress
from drivers.storage.queue import CommandQueue, HeldCommands

CONTROLLERS_MAX = 2
DRIVES = 2  # of a channel
MS = 1_000_000  # ns
NEVER = 0xFFFF_FFFF_FFFF_FFFF
RESETS_MAX = 3  # one after another, without a command that ends
TRIM_OFFSET = 2048  # in a channel's memory, behind the table of regions
CHANNEL_MEMORY = 4096


class AtaState(HwEnum, repr=u8):
    """Of a channel."""

    ABSENT = 0  # no disk is there
    IDLE = 1
    ACTIVE = 2  # a command is at a drive
    STOPPING = 3  # the bus master was told to stop
    RESETTING = 4  # the reset is asserted
    RECOVERING = 5  # the drives come up after it
    GONE = 6


class AtaUnit(Struct):
    """A place for a drive."""

    present: Field[bool]  # a disk, which has not gone
    number: Field[u16]  # in DISKS
    drive: AtaDrive


class AtaChannel(Struct):
    """A cable with two places, where one command is under way at a time."""

    state: Field[AtaState]
    late: Field[bool]  # the current command's deadline has passed
    command_port: Field[u16]
    control_port: Field[u16]
    master_port: Field[u16]
    irq: Field[u32]  # 0: the function's own, by PCI
    memory: Field[Hpa]  # CHANNEL_MEMORY
    current: Field[u32]  # in ACTIVE and STOPPING
    has_current: Field[bool]
    not_before: Field[u64]  # the next step, ns
    until: Field[u64]  # the step has failed by then
    resets_in_row: Field[u32]
    trim: TrimProgress
    waiting: CommandQueue
    units: Array[AtaUnit] = count(DRIVES)

    @fn
    def task(self) -> AtaCommandBlock:
        """Its task file."""
        return ports(AtaCommandBlock, self.command_port)

    @fn
    def control(self) -> AtaControlBlock:
        """Its control block."""
        return ports(AtaControlBlock, self.control_port)

    @fn
    def master(self) -> BusMaster:
        """Its bus master."""
        return ports(BusMaster, self.master_port)


class AtaController(Struct):
    """A function."""

    place: Field[PciAddress]
    simplex: Field[bool]  # one channel at a time
    turn: Field[u32]  # the channel that may begin
    timeouts: Field[u64]
    resets: Field[u64]
    spurious: Field[u64]  # interrupts for no command
    crc_errors: Field[u64]
    errors: Field[u64]  # commands that drives have failed
    commands: HeldCommands
    channels: Array[AtaChannel] = count(CHANNELS)


class AtaControllers(Struct):
    """All of the machine that have been started."""

    controller_count: Field[u32]
    controllers: Array[AtaController] = count(CONTROLLERS_MAX)


ATA = storage(AtaControllers)
