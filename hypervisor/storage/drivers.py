"""From the one block interface to the driver of a controller, whose lock the caller holds."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.storage.ahci.ahci import ahci_collect, ahci_submit, ahci_tick
from drivers.storage.ata.ata import ata_collect, ata_submit, ata_tick
from drivers.storage.disk import DiskDriver
from drivers.storage.nvme.collect import nvme_collect
from drivers.storage.nvme.recover import nvme_tick
from drivers.storage.nvme.submit import nvme_submit
from drivers.storage.virtio.collect import virtio_block_collect
from drivers.storage.virtio.submit import virtio_block_submit
from drivers.storage.virtio.tick import virtio_block_tick
from hypervisor.storage.controllers import NEVER, Controller


@fn
def driver_submit(controller: Controller, command: u32, queue: u32) -> bool:
    """False: the driver has no room now."""
    match controller.driver:
        case DiskDriver.NVME:
            return nvme_submit(command, queue)
        case DiskDriver.AHCI:
            return ahci_submit(command)
        case DiskDriver.VIRTIO:
            return virtio_block_submit(command, queue)
        case DiskDriver.ATA:
            return ata_submit(command)
        case DiskDriver.NONE:
            return False


@fn
def driver_collect(controller: Controller, queue: u32) -> u32 | None:
    """The next command of a queue that is over."""
    match controller.driver:
        case DiskDriver.NVME:
            return nvme_collect(controller.number, queue)
        case DiskDriver.AHCI:
            return ahci_collect(controller.number)
        case DiskDriver.VIRTIO:
            return virtio_block_collect(controller.number, queue)
        case DiskDriver.ATA:
            return ata_collect(controller.number)
        case DiskDriver.NONE:
            return None


@fn
def driver_tick(controller: Controller, now: u64) -> u64:
    """Time has passed: deadlines, and steps of resets. When to look again (ns), or NEVER."""
    match controller.driver:
        case DiskDriver.NVME:
            return nvme_tick(controller.number, now)
        case DiskDriver.AHCI:
            return ahci_tick(controller.number, now)
        case DiskDriver.VIRTIO:
            return virtio_block_tick(controller.number, now)
        case DiskDriver.ATA:
            return ata_tick(controller.number, now)
        case DiskDriver.NONE:
            return u64(NEVER)
