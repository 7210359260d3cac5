"""Whether registers may lie at an address that a firmware table or a BAR gives."""

from __future__ import annotations

from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from codegen.lang import fn, min, range, u32, u64
from drivers.interrupt.message import MESSAGE_PREFIX
from hypervisor.memory.regions import end_of

MAPPABLE_END = 1 << 46  # of the direct map
MESSAGES = MESSAGE_PREFIX << 20  # writes there are interrupts
MESSAGES_END = MESSAGES + (1 << 20)


@fn(cold=True)
def may_hold_registers(info: BootInfo, base: u64, length: u64) -> bool:
    """Not where RAM is, or what firmware keeps in it, nor where interrupts are sent, nor beyond what we can map.
    `reserved` regions are allowed: there firmware lists the windows of devices."""
    end = base.checked_add(length)
    if end is None or end > MAPPABLE_END or base == 0:
        return False
    if base < MESSAGES_END and MESSAGES < end:
        return False
    for i in range(min(info.region_count, u32(MEMORY_REGIONS_MAX))):
        region = info.regions[i]
        if is_ram(region.kind) and base < end_of(u64(region.base), region.length) and u64(region.base) < end:
            return False
    return True


@fn(cold=True)
def is_ram(kind: u32) -> bool:
    """The kinds that are bytes in RAM for certain."""
    return (
        kind == u32(MemoryKind.USABLE) or kind == u32(MemoryKind.ACPI_RECLAIMABLE) or kind == u32(MemoryKind.ACPI_NVS)
    )
