"""What is known of the AHCI controllers, their ports and the disks there."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, HwEnum, Struct, count, fn, mmio, storage, u8, u16, u32, u64
from drivers.pci.functions import PciFunction
from drivers.storage.ahci.commands import SLOTS, CommandTable
from drivers.storage.ahci.registers import PORT_BYTES, PORTS_OFFSET, AhciCapability, AhciRegisters, PortRegisters
from drivers.storage.ata.drive import AtaDrive
from drivers.storage.ata.trim import TrimProgress
from drivers.storage.queue import CommandQueue, HeldCommands

CONTROLLERS_MAX = 2
DISKS_MAX = 8  # of a controller
MS = 1_000_000  # ns
NEVER = 0xFFFF_FFFF_FFFF_FFFF
RESETS_MAX = 3  # one after another, without a command that ends

# A port's memory.
LIST_OFFSET = 0
RECEIVED_OFFSET = 1024
TRIM_OFFSET = 1536
DATA_OFFSET = 2048  # of IDENTIFY DEVICE and READ LOG EXT: 512 bytes
TABLES_OFFSET = 4096
TABLE_BYTES = 640
PORT_MEMORY = TABLES_OFFSET + SLOTS * TABLE_BYTES
assert CommandTable.__layout__.size == TABLE_BYTES


class AhciState(HwEnum, repr=u8):
    """Of a port."""

    ABSENT = 0  # no disk is there
    RUNNING = 1
    STOPPING = 2  # the controller was told to stop with its commands
    CONTROLLER_RESET = 3  # it did not: the whole controller is being reset
    LINK_RESET = 4  # the reset is asserted
    LINKING = 5  # the link is to come up
    READYING = 6  # the disk is to say who it is
    IDENTIFYING = 7  # it was asked for more
    ASKING = 8  # a queued command has failed, and it was asked which one
    GONE = 9


class AhciPort(Struct):
    """A port with a disk."""

    state: Field[AhciState]
    number: Field[u8]  # the controller's
    known: Field[bool]  # `drive` is filled: it is a disk of DISKS
    exclusive: Field[bool]  # the command in slot 0 is no queued one, and alone
    wants_reset: Field[bool]  # after STOPPING; else the disk has only failed a command
    failed: Field[bool]  # a command of the driver's own
    disk: Field[u16]  # in DISKS
    registers_at: Field[Hpa]
    memory: Field[Hpa]  # PORT_MEMORY
    depth: Field[u32]  # commands by NCQ; 0: one at a time, not queued
    issued: Field[u32]  # slots
    late: Field[u32]  # of these, those whose deadline has passed
    not_before: Field[u64]  # the next step, ns
    until: Field[u64]  # the step has failed by then
    resets_in_row: Field[u32]
    slots: Array[u8] = count(SLOTS)  # the command in each
    trim: TrimProgress
    drive: AtaDrive
    waiting: CommandQueue

    @fn
    def registers(self) -> PortRegisters:
        """Its registers."""
        return mmio(PortRegisters, self.registers_at)


class AhciController(Struct):
    """A function."""

    function: Field[PciFunction | None]
    base: Field[Hpa]
    capability: Field[AhciCapability]
    connected: Field[bool]  # it sends MSIs
    resetting: Field[bool]
    gone: Field[bool]
    until: Field[u64]  # the reset has failed by then
    port_count: Field[u32]
    beyond: Field[u32]  # ports for which there was no room
    timeouts: Field[u64]
    resets: Field[u64]
    spurious: Field[u64]  # interrupts for no command
    crc_errors: Field[u64]
    errors: Field[u64]  # commands that disks have failed
    commands: HeldCommands
    port_of: Array[u8] = count(32)  # the element of `ports`, by number
    ports: Array[AhciPort] = count(DISKS_MAX)

    @fn
    def registers(self) -> AhciRegisters:
        """Those of no port."""
        return mmio(AhciRegisters, self.base)


class AhciControllers(Struct):
    """All of the machine that have been started."""

    controller_count: Field[u32]
    controllers: Array[AhciController] = count(CONTROLLERS_MAX)


AHCI = storage(AhciControllers)


@fn
def port_registers_at(base: Hpa, number: u8) -> Hpa:
    """Where they are, behind those of the controller."""
    return base + PORTS_OFFSET + u64(number) * PORT_BYTES


@fn
def table_at(port: AhciPort, slot: u32) -> Hpa:
    """The command table of a slot."""
    return port.memory + TABLES_OFFSET + u64(slot) * TABLE_BYTES
