"""Taking an NVMe controller up."""

from __future__ import annotations

from codegen.lang import Hpa, fn, max, min, mmio, pause, u8, u16, u32, u64
from drivers.host import device_memory, moment
from drivers.pci.functions import BarKind, PciFunction, PciOwner
from drivers.pci.msix_driver import MsixFault, msix_enable, msix_table
from drivers.pci.quiet import pci_take, read_command, write_command
from drivers.storage.fault import StorageFault
from drivers.storage.nvme.admin import ADMIN_PAGES, ADMIN_PATIENCE
from drivers.storage.nvme.ending import give_up
from drivers.storage.nvme.make_queues import ANYWHERE
from drivers.storage.nvme.namespaces import add_disks
from drivers.storage.nvme.queue_entries import PAGE
from drivers.storage.nvme.registers import DOORBELLS, NvmeRegisters
from drivers.storage.nvme.reset import reset_begin, reset_step
from drivers.storage.nvme.state import CONTROLLERS_MAX, ENTRIES, NVME, QUEUES_MAX, NvmeController, NvmePhase

CLASS_CODE, INTERFACE = 0x0108, 0x02  # of PCI functions (PCI Code and ID Assignment 1.11, 1.9)
PATIENCE_UNIT = 500_000_000  # ns
ABSENT = 0xFFFF_FFFF_FFFF_FFFF


@fn(cold=True)
def nvme_start(function: PciFunction, queues: u32) -> StorageFault | None:
    """Take this function, whose usable memory BARs are mapped, and add its namespaces to DISKS, of NVME.controllers
    the next one; `queues`: wanted, of which it may have fewer. Waits as long as the controller says it needs, at most
    7 minutes, and 20 seconds for what it does not name. After a fault the function does no DMA."""
    number = NVME.controller_count
    if number >= CONTROLLERS_MAX:
        return StorageFault.NO_ROOM
    bar = function.bars[0]
    if bar.kind != BarKind.MEMORY or not bar.is_usable() or bar.size <= DOORBELLS:
        return StorageFault.NO_REGISTERS
    if not pci_take(function, PciOwner.NVME):
        return StorageFault.TAKEN
    # Firmware may have left it at work: it gets the bus when it has stopped (reset.py).
    write_command(function, read_command(function).replace(bus_master=False))
    controller = NVME.controllers[number]
    controller.zero()
    controller.function = function
    fault = prepare(controller, function, queues)
    if fault is None:
        fault = bring_up(controller)
    if fault is None:
        NVME.controller_count = number + 1  # it may have disks from now on
        fault = add_disks(controller, u8(number))
    if fault is not None:
        give_up(controller, fault)
    return fault


@fn(cold=True)
def prepare(controller: NvmeController, function: PciFunction, queues: u32) -> StorageFault | None:
    """What it can do, and memory for the admin queue."""
    bar = function.bars[0]
    controller.base = Hpa(bar.address)
    controller.requester = u16.trunc(u32(function.place))
    capability = mmio(NvmeRegisters, controller.base).capability.read()
    if u64(capability) == ABSENT:
        return StorageFault.FAILED
    last_entry = u32(capability.last_entry)
    if not capability.nvm_commands or capability.smallest_page != 0 or last_entry == 0 or function.place.segment != 0:
        return StorageFault.UNSUPPORTED
    controller.stride = u32(4) << capability.stride
    pairs = (bar.size - DOORBELLS) // (2 * u64(controller.stride))
    if pairs < 2:
        return StorageFault.NO_REGISTERS
    controller.patience = (u64(capability.patience) + 1) * PATIENCE_UNIT
    controller.entries = u32(1) << (31 - min(last_entry + 1, u32(ENTRIES)).leading_zeros())
    table = msix_table(function)
    if not isinstance(table, MsixFault):
        msix_enable(function, table)  # QEMU makes no queue with a vector before
        controller.vectors = u32(function.msix_vectors)
    controller.queue_count = min(max(queues, u32(1)), u32(QUEUES_MAX))
    controller.queue_count = u32(min(u64(controller.queue_count), pairs - 1))
    if controller.vectors != 0:
        controller.queue_count = min(controller.queue_count, controller.vectors)
    memory = device_memory(controller.requester, u64(ADMIN_PAGES * PAGE), u64(ANYWHERE))
    if memory is None:
        return StorageFault.NO_MEMORY
    controller.admin.memory = memory
    return None


@fn(cold=True)
def bring_up(controller: NvmeController) -> StorageFault | None:
    """Until it runs."""
    controller.starting = True
    now = moment()
    until = now + 3 * controller.patience + ADMIN_PATIENCE
    reset_begin(controller, now)
    while controller.phase != NvmePhase.RUNNING:
        if controller.phase == NvmePhase.GONE:
            return controller.fault
        now = moment()
        if now >= until:
            return StorageFault.TIMED_OUT
        reset_step(controller, now)
        pause()
    return None
