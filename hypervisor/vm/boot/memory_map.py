"""Where things lie in a guest's first megabyte and below 4 GiB, and the E820 map that says so."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Struct, at, count, fn, min, u32, u64

LOW_MEMORY_END = 0x9_FC00  # the extended BIOS data area begins here
VIDEO_MEMORY = 0xA_0000
FIRMWARE_AREA = 0xE_0000  # ACPI tables and the RSDP
MEGABYTE = 0x10_0000
DEVICE_HOLE = 0xC000_0000  # RAM below 4 GiB ends here; above lie PCI, I/O APIC, local APIC
FOUR_GIB = 0x1_0000_0000
REGIONS_MAX = 8


class RegionKind(HwEnum, repr=u32):
    """E820 types (ACPI 6.5, table 15.5)."""

    RAM = 1
    RESERVED = 2


class Region(Struct, size=20, align=1):
    """An entry as INT 15h AX=E820h and Linux's boot_params have it."""

    base: Field[u64] = at(0)
    length: Field[u64] = at(8)
    kind: Field[RegionKind] = at(16)


class MemoryMap(Struct):
    """The guest's map, sorted, without overlap."""

    regions: Array[Region] = count(REGIONS_MAX)
    region_count: Field[u32]

    @fn
    def add(self, base: u64, end: u64, kind: RegionKind) -> None:
        """Append [base, end) when it is not empty."""
        if end <= base:
            return
        region = self.regions[self.region_count]
        region.base = base
        region.length = end - base
        region.kind = kind
        self.region_count = self.region_count + 1


@fn
def low_ram_end(memory: u64) -> u64:
    """End of RAM below the device hole, for a VM of `memory` bytes."""
    return min(memory, u64(DEVICE_HOLE))


@fn
def fill_memory_map(map: MemoryMap, memory: u64) -> None:
    """The map of a VM with `memory` bytes: what exceeds the device hole lies above 4 GiB."""
    low_end = low_ram_end(memory)
    map.region_count = 0
    map.add(u64(0), min(u64(LOW_MEMORY_END), low_end), RegionKind.RAM)
    map.add(u64(LOW_MEMORY_END), u64(VIDEO_MEMORY), RegionKind.RESERVED)
    map.add(u64(FIRMWARE_AREA), u64(MEGABYTE), RegionKind.RESERVED)
    map.add(u64(MEGABYTE), low_end, RegionKind.RAM)
    if memory > DEVICE_HOLE:
        map.add(u64(FOUR_GIB), u64(FOUR_GIB) + (memory - DEVICE_HOLE), RegionKind.RAM)
