"""An AHCI controller is taken from the firmware and reset, and its disks are added to the machine's (AHCI 1.3.1, 10.1.2
and 10.6.3)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, min, pause, range, u8, u16, u32, u64
from drivers.host import device_memory, moment
from drivers.pci.cut_off import pci_cut_off
from drivers.pci.functions import BarKind, PciFunction, PciOwner
from drivers.pci.quiet import pci_take
from drivers.storage.ahci.controller_reset import controller_step
from drivers.storage.ahci.end import port_gone
from drivers.storage.ahci.port import ALL_ONES, STOP_NS, port_place
from drivers.storage.ahci.recovery import LINK_NS, port_step
from drivers.storage.ahci.registers import AHCI_BAR, PORT_BYTES, PORTS_MAX, PORTS_OFFSET, AhciControl
from drivers.storage.ahci.state import (
    AHCI,
    CONTROLLERS_MAX,
    DISKS_MAX,
    MS,
    PORT_MEMORY,
    RESETS_MAX,
    AhciController,
    AhciPort,
    AhciState,
    port_registers_at,
)
from drivers.storage.ata.drive import describe
from drivers.storage.disk import DISKS, DiskDriver, disk_add
from drivers.storage.fault import StorageFault

LOW_LIMIT = 1 << 32
HIGH_LIMIT = 1 << 52  # no processor has longer addresses
RESET_NS = 1_000 * MS  # 10.4.3
RELEASE_NS = 25 * MS  # 10.6.3
BUSY_NS = 2_000 * MS
START_NS = 30_000 * MS  # for a port


@fn(cold=True)
def ahci_start(function: PciFunction) -> StorageFault | None:
    """Take an AHCI controller (AHCI_CLASS), its BAR mapped, and add its disks, which may be none. At boot, on the first
    processor. A fault says that none of it is used."""
    number = AHCI.controller_count
    if number >= CONTROLLERS_MAX:
        return StorageFault.NO_ROOM
    bar = function.bars[AHCI_BAR]
    if bar.kind != BarKind.MEMORY or not bar.is_usable() or bar.size < PORTS_OFFSET + PORT_BYTES:
        return StorageFault.NO_REGISTERS
    if not pci_take(function, PciOwner.AHCI):
        return StorageFault.TAKEN
    controller = AHCI.controllers[number]
    controller.zero()
    controller.function = function
    controller.base = Hpa(bar.address)
    fault = begin_controller(controller)
    if fault == StorageFault.NONE:
        fault = find_disks(controller, u8(number), bar.size)
    if controller.port_count == 0:
        pci_cut_off(function.place)
        controller.gone = True
        return None if fault == StorageFault.NONE else fault
    AHCI.controller_count = number + 1
    return None


@fn(cold=True)
def begin_controller(controller: AhciController) -> StorageFault:
    """From whatever state the firmware has left it in to a freshly reset one."""
    registers = controller.registers()
    if u32(registers.control.read()) == ALL_ONES or registers.version.read() == ALL_ONES:
        return StorageFault.NO_REGISTERS
    take_from_firmware(controller)
    controller.capability = registers.capability.read()
    ports = registers.ports.read()
    registers.control.write(AhciControl(ahci=True))
    registers.control.write(AhciControl(ahci=True, reset=True))
    end = moment() + RESET_NS
    while registers.control.read().reset:
        if moment() > end:
            return StorageFault.TIMED_OUT
        pause()
    registers.control.write(AhciControl(ahci=True))
    if not registers.control.read().ahci:
        return StorageFault.UNSUPPORTED
    if registers.ports.read() == 0:
        registers.ports.write(ports)  # some lose by the reset what the firmware has written there once
    return StorageFault.NONE


@fn(cold=True)
def take_from_firmware(controller: AhciController) -> None:
    """Ask for it; firmware that does not answer has had its time."""
    registers = controller.registers()
    if not registers.capability2.read().handoff:
        return
    registers.handoff.write(registers.handoff.read().replace(os_owned=True))
    end = moment() + RELEASE_NS
    extended = False
    while True:
        state = registers.handoff.read()
        now = moment()
        if not state.bios_owned:
            return
        if state.bios_busy and not extended:
            extended = True
            end = now + BUSY_NS
        if now > end:
            return
        pause()


@fn(cold=True)
def find_disks(controller: AhciController, number: u8, bytes: u64) -> StorageFault:
    """One port after another, so that disks do not all spin up at once."""
    ports = controller.registers().ports.read()
    if ports == ALL_ONES and u32(controller.registers().control.read()) == ALL_ONES:
        return StorageFault.FAILED
    fault = StorageFault.NONE
    for i in range(u8(PORTS_MAX)):
        if ports >> i & 1 == 0 or PORTS_OFFSET + (u64(i) + 1) * PORT_BYTES > bytes:
            continue
        if controller.port_count == DISKS_MAX:
            controller.beyond += 1
            continue
        port = controller.ports[controller.port_count]
        if not begin_port(controller, port, i):
            fault = StorageFault.NO_MEMORY
        elif settle_port(controller, port):
            add_disk(controller, port, number)
        else:
            command = port.registers().command.read()
            if command.running or command.receiving:
                port.memory = Hpa(0)  # nobody knows what is written there yet
    return fault


@fn(cold=True)
def begin_port(controller: AhciController, port: AhciPort, number: u8) -> bool:
    """Prepare this port, with the memory of the one before, if that is not used. False without memory."""
    memory = port.memory
    port.zero()
    port.number = number
    port.registers_at = port_registers_at(controller.base, number)
    if u64(memory) == 0:
        function = controller.function
        requester = u16.trunc(u32(function.place)) if function is not None else u16(0)
        found = device_memory(requester, u64(PORT_MEMORY), address_limit(controller))
        if found is None:
            return False
        memory = found
    port.memory = memory
    return True


@fn(cold=True)
def address_limit(controller: AhciController) -> u64:
    """What the controller reaches."""
    return u64(HIGH_LIMIT) if controller.capability.wide else u64(LOW_LIMIT)


@fn(cold=True)
def settle_port(controller: AhciController, port: AhciPort) -> bool:
    """Bring a port up, and wait. False when there is no disk that we can use."""
    command = port.registers().command.read()
    end = moment() + STOP_NS
    while command.running or command.receiving:
        if moment() > end:
            return False
        command = port.registers().command.read()
        pause()
    port_place(port)
    now = moment()
    port.resets_in_row = RESETS_MAX - 1  # one more try
    port.state = AhciState.LINKING
    port.until = now + LINK_NS
    end = now + START_NS
    while port.state != AhciState.RUNNING:
        now = moment()
        if port.state == AhciState.CONTROLLER_RESET or controller.resetting:
            while controller.resetting:
                controller_step(controller, moment())
                pause()
            return False
        if port.state == AhciState.GONE or now > end:
            port_gone(controller, port)
            return False
        note_failure(port)
        port_step(controller, port, now)
        pause()
    return True


@fn(cold=True)
def note_failure(port: AhciPort) -> None:
    """As `port_look` does later."""
    events = port.registers().interrupts.read()
    port.registers().interrupts.write(events)
    port.failed = port.failed or events.task_file or events.interface or events.bus or events.bus_data


@fn(cold=True)
def add_disk(controller: AhciController, port: AhciPort, number: u8) -> None:
    """To DISKS, as far as there is room."""
    disk = disk_add(DiskDriver.AHCI, number, u32(port.number))
    function = controller.function
    if disk is None or function is None:
        port_gone(controller, port)
        return
    drive = port.drive
    describe(disk, drive)
    disk.requester = u16.trunc(u32(function.place))
    disk.address_limit = address_limit(controller)
    if controller.capability.queues and drive.queue_depth > 1:
        port.depth = min(drive.queue_depth, u32(controller.capability.last_slot) + 1)
    port.known = True
    port.disk = u16(DISKS.disk_count - 1)
    port.resets_in_row = 0
    controller.port_of[port.number] = u8(controller.port_count)
    controller.port_count += 1
