"""An IDE controller is taken, and its disks are added to the machine's."""

from __future__ import annotations

from codegen.lang import fn, range, u8, u16, u32, u64
from drivers.host import device_memory
from drivers.pci.cut_off import pci_cut_off
from drivers.pci.functions import BarKind, PciBar, PciFunction, PciOwner
from drivers.pci.quiet import pci_take
from drivers.storage.ata.drive import describe
from drivers.storage.ata.probe import probe_channel
from drivers.storage.ata.registers import (
    CHANNELS,
    COMMAND_BYTES,
    COMMAND_PORTS,
    CONTROL_BYTES,
    CONTROL_IN_BAR,
    CONTROL_PORTS,
    IRQS,
    MASTER_BYTES,
    IdeInterface,
)
from drivers.storage.ata.state import ATA, CHANNEL_MEMORY, CONTROLLERS_MAX, DRIVES, AtaChannel, AtaController, AtaState
from drivers.storage.disk import DISKS, DiskDriver, disk_add
from drivers.storage.fault import StorageFault

MASTER_BAR = 4
MEMORY_LIMIT = 1 << 32


@fn(cold=True)
def ata_start(function: PciFunction) -> StorageFault | None:
    """Take an IDE controller (IDE_CLASS) and add its disks, which may be none. At boot, on the first processor. A fault
    says that none of it is used."""
    number = ATA.controller_count
    if number >= CONTROLLERS_MAX:
        return StorageFault.NO_ROOM
    if not is_ports(function.bars[MASTER_BAR], u64(MASTER_BYTES * CHANNELS)):
        return StorageFault.NO_REGISTERS
    if not pci_take(function, PciOwner.ATA):
        return StorageFault.TAKEN
    controller = ATA.controllers[number]
    controller.zero()
    controller.place = function.place
    fault = StorageFault.NONE
    disks = u32(0)
    for i in range(u32(CHANNELS)):
        channel = controller.channels[i]
        if place_channel(function, channel, i) and probe_channel(channel) != 0:
            memory = device_memory(u16.trunc(u32(function.place)), u64(CHANNEL_MEMORY), u64(MEMORY_LIMIT))
            if memory is None:
                fault = StorageFault.NO_MEMORY
            else:
                channel.memory = memory
                channel.state = AtaState.IDLE
                disks += add_disks(controller, u8(number), i)
    if disks == 0:
        pci_cut_off(function.place)
        return None if fault == StorageFault.NONE else fault
    ATA.controller_count = number + 1
    return None


@fn(cold=True)
def is_ports(bar: PciBar, bytes: u64) -> bool:
    """Whether the BAR has at least so many ports, where a driver may reach them."""
    return bar.kind == BarKind.IO and bar.is_usable() and bar.size >= bytes


@fn(cold=True)
def place_channel(function: PciFunction, channel: AtaChannel, index: u32) -> bool:
    """Where its ports are; False when its BARs are of no use. Nobody says whether a channel in compatibility mode is
    switched on: its ports float if not."""
    interface = IdeInterface.of(function.interface)
    native = interface.native_0 if index == 0 else interface.native_1
    channel.master_port = u16(function.bars[MASTER_BAR].address + u64(index) * MASTER_BYTES)
    if native:
        command, control = function.bars[2 * index], function.bars[2 * index + 1]
        if not is_ports(command, u64(COMMAND_BYTES)) or not is_ports(control, u64(CONTROL_BYTES)):
            return False
        channel.command_port = u16(command.address)
        channel.control_port = u16(control.address + CONTROL_IN_BAR)
    elif index == 0:
        channel.command_port, channel.control_port = COMMAND_PORTS[0], CONTROL_PORTS[0]
        channel.irq = IRQS[0]
    else:
        channel.command_port, channel.control_port = COMMAND_PORTS[1], CONTROL_PORTS[1]
        channel.irq = IRQS[1]
    return not is_used(channel.command_port)


@fn(cold=True)
def is_used(command_port: u16) -> bool:
    """Whether a controller before has these ports: two in compatibility mode would meet there."""
    for i in range(ATA.controller_count):
        for j in range(u32(CHANNELS)):
            channel = ATA.controllers[i].channels[j]
            if channel.state != AtaState.ABSENT and channel.command_port == command_port:
                return True
    return False


@fn(cold=True)
def add_disks(controller: AtaController, number: u8, index: u32) -> u32:
    """The disks of a channel, as far as there is room for them; gives how many."""
    channel = controller.channels[index]
    added = u32(0)
    if channel.master().status.read().simplex:
        controller.simplex = True
    for i in range(u32(DRIVES)):
        unit = channel.units[i]
        if not unit.present:
            continue
        disk = disk_add(DiskDriver.ATA, number, index * DRIVES + i)
        if disk is None:
            unit.present = False
            continue
        unit.number = u16(DISKS.disk_count - 1)
        describe(disk, unit.drive)
        disk.requester = u16.trunc(u32(controller.place))
        disk.address_limit = MEMORY_LIMIT
        added += 1
    return added


@fn(cold=True)
def ata_irq(controller: u32, channel: u32) -> u32:
    """The ISA interrupt (edge-triggered, active high) of a channel in compatibility mode: 14 or 15. 0: it has none,
    because it has no disk, or is in native mode; then somebody calls `ata_collect` again and again."""
    found = ATA.controllers[controller].channels[channel]
    return found.irq if found.state != AtaState.ABSENT else u32(0)
