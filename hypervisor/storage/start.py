"""Disks from PCI functions to a table of disks and partitions: on the first processor, when all have their APIC IDs."""

from __future__ import annotations

from codegen.lang import Hpa, Span, fn, min, range, span, u8, u32
from drivers.interrupt.message import MessageAddress, MessageData, message_address, message_data
from drivers.pci.functions import BARS_MAX, PCI, BarFault, BarKind, PciFunction
from drivers.storage.ahci.ahci import ahci_connect
from drivers.storage.ahci.start import ahci_start
from drivers.storage.ata.start import ata_irq, ata_start
from drivers.storage.command import SECTOR
from drivers.storage.disk import DISKS, Disk, DiskDriver
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.connect import nvme_connect
from drivers.storage.nvme.start import nvme_start
from drivers.storage.virtio.start import virtio_block_connect, virtio_block_start
from hypervisor.console.log import log, warn
from hypervisor.cpu.interrupt_start import route_isa
from hypervisor.cpu.interrupts import VECTOR_STORAGE
from hypervisor.cpu.per_cpu import CPUS
from hypervisor.memory.paging import map_device
from hypervisor.sched.queues import PROCESSORS
from hypervisor.storage.controllers import Controller, controller_add
from hypervisor.storage.names import disk_kind, disk_model, disk_ordinal, disk_serial
from hypervisor.storage.partitions.read import read_partitions

IDE, SATA, NVME = 0x0101, 0x0106, 0x0108
VIRTIO_VENDOR, VIRTIO_BLOCK = 0x1AF4, 0x1042
CHANNELS = 2


@fn(cold=True)
def storage_start() -> None:
    """Drivers for every controller that we know, in the order of the buses. Empty slots cost time, up to 30 ms each:
    call it when a configuration names a disk of the machine."""
    for i in range(PCI.function_count):
        function = PCI.functions[i]
        driver = driver_for(function)
        if driver != DiskDriver.NONE:
            start_controller(function, driver)
    for number in range(DISKS.disk_count):
        say_disk(number, DISKS.disks[number])
    if DISKS.beyond != 0:
        warn(f"{DISKS.beyond} disks more than there is room for are left alone")
    if DISKS.disk_count != 0:
        read_partitions()


@fn(cold=True)
def driver_for(function: PciFunction) -> DiskDriver:
    """Who can drive it."""
    kind = function.class_code
    if kind == IDE:
        return DiskDriver.ATA
    if kind == SATA:
        return DiskDriver.AHCI
    if kind == NVME:
        return DiskDriver.NVME
    if function.vendor == VIRTIO_VENDOR and function.device == VIRTIO_BLOCK:
        return DiskDriver.VIRTIO
    return DiskDriver.NONE


@fn(cold=True)
def start_controller(function: PciFunction, driver: DiskDriver) -> None:
    """One, with what it needs of us: its registers mapped, and interrupts."""
    if not map_registers(function):
        say_fault(function, span(b"its registers cannot be mapped"))
        return
    first_disk = DISKS.disk_count
    fault = start_driver(function, driver)
    if fault is not None:
        say_fault(function, fault.words())
        return
    if DISKS.disk_count == first_disk:
        return
    controller = controller_add(driver, u32(DISKS.disks[first_disk].controller), first_disk)
    if controller is None:
        warn("there is no room for one more controller of disks: its disks are left alone")
        DISKS.disk_count = first_disk
        return
    controller.queues = min(u32(DISKS.disks[first_disk].queues), PROCESSORS.count)
    controller.polled = not connect(controller)
    if controller.polled:
        warn(f"disk {first_disk}: its controller cannot interrupt: it is polled")


@fn(cold=True)
def map_registers(function: PciFunction) -> bool:
    """All BARs in memory that can be used."""
    for i in range(u32(BARS_MAX)):
        bar = function.bars[i]
        if bar.kind == BarKind.MEMORY and bar.fault == BarFault.NONE:
            start = bar.address & ~0xFFF
            if not map_device(Hpa(start), (bar.address + bar.size - start + 0xFFF) & ~0xFFF):
                return False
    return True


@fn(cold=True)
def start_driver(function: PciFunction, driver: DiskDriver) -> StorageFault | None:
    """By its driver; None when all is well."""
    match driver:
        case DiskDriver.NVME:
            return nvme_start(function, PROCESSORS.count)
        case DiskDriver.AHCI:
            return ahci_start(function)
        case DiskDriver.VIRTIO:
            return virtio_block_start(function, PROCESSORS.count)
        case DiskDriver.ATA:
            return ata_start(function)
        case DiskDriver.NONE:
            return None


@fn(cold=True)
def connect(controller: Controller) -> bool:
    """Interrupts of queue n to processor n. False when there are none."""
    if controller.driver == DiskDriver.ATA:
        connected = True
        for channel in range(u32(CHANNELS)):
            connected = route_isa(ata_irq(controller.number, channel), u8(VECTOR_STORAGE)) and connected
        return connected
    for queue in range(controller.queues):
        address = message_address(CPUS[queue].apic_id)
        if address is None or not connect_queue(controller, queue, address, message_data(u8(VECTOR_STORAGE))):
            return False
    return True


@fn(cold=True)
def connect_queue(controller: Controller, queue: u32, address: MessageAddress, data: MessageData) -> bool:
    """One of them."""
    match controller.driver:
        case DiskDriver.NVME:
            return nvme_connect(controller.number, queue, address, data)
        case DiskDriver.AHCI:
            return ahci_connect(controller.number, address, data)
        case DiskDriver.VIRTIO:
            return virtio_block_connect(controller.number, queue, address, data)
        case _:
            return False


@fn(cold=True)
def say_fault(function: PciFunction, words: Span) -> None:
    """Why a controller is left alone."""
    at = function.place
    warn(f"the disks of PCI {at.bus:02x}:{at.device:02x}.{at.function} are not used: {words}")


@fn(cold=True)
def say_disk(number: u32, disk: Disk) -> None:
    """One line for each."""
    mib = disk.sectors // ((1 << 20) // SECTOR)
    name, ordinal = disk_kind(disk), disk_ordinal(number)
    log(f'disk {number}: {name}{ordinal}, "{disk_model(disk)}", serial "{disk_serial(disk)}", {mib} MiB')
