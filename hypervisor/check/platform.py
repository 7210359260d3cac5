"""The rest of the machine: memory, tables of the firmware, consoles."""

from __future__ import annotations

from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from codegen.lang import fn, min, range, span, u32, u64
from drivers.acpi.machine import MACHINE
from drivers.iommu.reported import IommuKind
from hypervisor.check.line import missing, used
from hypervisor.console.console import CONSOLE
from hypervisor.console.log import log
from hypervisor.console.screen import SCREEN
from hypervisor.dma.domain import IOMMU
from hypervisor.memory.frames import free_bytes
from hypervisor.memory.regions import end_of

MIB = 1 << 20
FOUR_GIB = 1 << 32
NOTHING = span(b"")


@fn(cold=True)
def check_memory(info: BootInfo) -> None:
    """What the firmware's map gives away, and what is left for guests."""
    usable = u64(0)
    high = u64(0)
    entries = min(info.region_count, u32(MEMORY_REGIONS_MAX))
    for i in range(entries):
        region = info.regions[i]
        base = u64(region.base)
        size = end_of(base, region.length).saturating_sub(base)
        if region.kind == u32(MemoryKind.USABLE):
            usable += size
            if base >= FOUR_GIB:
                high += size
    log(f"memory: {usable // MIB} MiB used, {high // MIB} MiB above 4 GiB, {free_bytes() // MIB} MiB free for guests")


@fn(cold=True)
def check_firmware() -> None:
    """ACPI and the IOMMU's tables."""
    if MACHINE.ioapic_count != 0:
        log(f"ACPI: used ({MACHINE.ioapic_count} I/O APICs, {MACHINE.processor_count} processors)")
    else:
        missing(span(b"ACPI tables"), span(b"devices' interrupts stay off: enable ACPI in the firmware's set-up"))
    if IOMMU.unconfined != 0:
        log(f"IOMMU: {IOMMU.unconfined} units cannot be used, {IOMMU.unit_count} are: see the log's warnings")
    elif IOMMU.kind == IommuKind.VTD:
        used(span(b"IOMMU (VT-d)"), span(b"every device is denied what its driver did not map"))
    elif IOMMU.kind == IommuKind.AMDVI:
        used(span(b"IOMMU (AMD-Vi)"), span(b"every device is denied what its driver did not map"))
    else:
        missing(span(b"IOMMU"), span(b"enable VT-d or IOMMU in the firmware's set-up"))


@fn(cold=True)
def check_consoles(info: BootInfo) -> None:
    """Where the monitor's words go."""
    if CONSOLE.serial.present:
        used(span(b"serial port COM1"), NOTHING)
    else:
        missing(span(b"serial port COM1"), span(b"the screen is the console"))
    if SCREEN.vga.present:
        used(span(b"VGA text screen"), NOTHING)
    elif SCREEN.framebuffer.present:
        used(span(b"framebuffer screen"), NOTHING)
    elif u64(info.framebuffer.base) == 0:
        missing(span(b"screen"), span(b"the serial port is the console"))
