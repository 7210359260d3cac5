"""The BIOS's memory map (ACPI 6.5, 15.1), with the EBDA taken out of what it calls usable."""

from __future__ import annotations

from boot.bios.firmware import REGISTERS, bios_interrupt, carry_set
from boot.info import BootInfo, MemoryKind
from boot.load.memory_map import add_region
from codegen.lang import Field, Hpa, Struct, address_of, at, fn, min, phys, storage, u16, u32, u64

SMAP = 0x534D_4150
CALLS_MAX = 512  # firmware was seen to repeat itself for ever
LOW_END = 0xA0000
LOWEST_EBDA = 0x60000  # anything below is not an EBDA but a wrong number
USUAL_EBDA = 0x9FC00


class E820Entry(Struct, size=24):
    base: Field[u64] = at(0)
    length: Field[u64] = at(8)
    kind: Field[u32] = at(16)
    attributes: Field[u32] = at(20)  # bit 0 clear: ignore the entry (when 24 bytes came)


class BiosDataArea(Struct, size=0x100, align=1, shared=True):
    ebda_segment: Field[u16] = at(0x0E)
    low_memory_kib: Field[u16] = at(0x13)


ENTRY = storage(E820Entry)


@fn
def read_memory_map(info: BootInfo) -> bool:
    """Fill the regions of `info`. False when the firmware knows no E820."""
    continuation = u32(0)
    calls = u32(0)
    while calls < CALLS_MAX:
        calls += 1
        ENTRY.zero()
        ENTRY.attributes = 1
        REGISTERS.eax = 0xE820
        REGISTERS.edx = SMAP
        REGISTERS.ebx = continuation
        REGISTERS.ecx = 24
        buffer = u32(u64(address_of(ENTRY)))
        REGISTERS.es = u16(buffer >> 4)
        REGISTERS.edi = buffer & 15
        bios_interrupt(u32(0x15), REGISTERS)
        if carry_set() or REGISTERS.eax != SMAP:
            break
        if not take_entry(info, ENTRY, REGISTERS.ecx):
            break
        continuation = REGISTERS.ebx
        if continuation == 0:
            break
    keep_ebda(info, phys(BiosDataArea, Hpa(0x400)))
    return info.region_count > 1


@fn
def take_entry(info: BootInfo, entry: E820Entry, size: u32) -> bool:
    """False when the map is full."""
    if size >= 24 and entry.attributes & 1 == 0:
        return True
    return add_region(info, entry.base, entry.length, entry.kind)


@fn
def keep_ebda(info: BootInfo, data: BiosDataArea) -> None:
    """Reserve from the lower of what the data area names as EBDA and as end of low memory, up to A0000."""
    named = u64(data.ebda_segment) << 4
    ebda = named if named >= LOWEST_EBDA else u64(LOW_END)
    low = min(ebda, u64(data.low_memory_kib) << 10)
    if low < LOWEST_EBDA or low >= LOW_END:
        low = u64(USUAL_EBDA)
    if not add_region(info, low, u64(LOW_END) - low, u32(MemoryKind.RESERVED)):
        info.regions[0].kind = u32(MemoryKind.RESERVED)
