"""The monitor's final address space: W^X image, RAM without execution, stacks between guard pages, devices uncached.

    FFFF_8000_0000_0000   all physical memory that is RAM or holds firmware tables, and device windows
    FFFF_FFFF_8000_0000   the image: code, read-only data, data, each with its own rights
    FFFF_FFFF_C000_0000   stacks, each with an unmapped page below it

Nothing else is mapped: the loader's identity map ends here.
"""

from __future__ import annotations

from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from codegen.lang import (
    Hpa,
    Hva,
    cpuid,
    fn,
    implements,
    invlpg,
    max,
    min,
    range,
    read_cr0,
    read_cr3,
    read_cr4,
    u8,
    u32,
    u64,
    write_cr0,
    write_cr3,
    write_cr4,
)
from drivers.acpi.root import acpi_may_read
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.memory.frames import allocate_frame, allocate_frames
from hypervisor.memory.image_layout import PHYSICAL_MAP_BASE, ImageBound, image_bound
from hypervisor.memory.owner import Owner
from hypervisor.memory.page_table import (
    DEVICE,
    LEVEL_1G,
    LEVEL_2M,
    READ_EXECUTE,
    READ_ONLY,
    READ_WRITE,
    TABLES,
    PageEntry,
    map_pages,
    translate,
)
from hypervisor.memory.regions import FRAME, end_of

STACKS_BASE = 0xFFFF_FFFF_C000_0000
STACK_SLOT = 64 << 10  # one stack and its guard page
LARGE_PAGE = 2 << 20
FOUR_GIB = 1 << 32
FIRMWARE_TABLES_MAX = 64 << 20  # a longer reserved region is a window of devices, not tables
INVLPG_MAX = 256 << 10  # a longer device: the whole TLB is forgotten at once (no page is global)
CR0_WRITE_PROTECT = 1 << 16
CR4_SMEP = 1 << 20
CR4_SMAP = 1 << 21


@fn(cold=True)
def paging_start(info: BootInfo) -> bool:
    """Build the tables and switch to them. False when no frame is left."""
    root = allocate_frame(u8(Owner.MONITOR))
    if root is None:
        return False
    lock_start(TABLES.lock, LockPlace.PAGE_TABLES)
    TABLES.root = root
    TABLES.largest = u32(LEVEL_1G) if has_1g_pages() else u32(LEVEL_2M)
    if not (map_image(info.image_base) and map_memory(info) and map_framebuffer(info)):
        return False
    write_cr3(u64(root))
    write_cr0(read_cr0() | CR0_WRITE_PROTECT)
    write_cr4(read_cr4() | protections())
    return True


@fn(cold=True)
def has_1g_pages() -> bool:
    """CPUID 80000001H, EDX bit 26."""
    _, _, _, edx = cpuid(u32(0x8000_0001), u32(0))
    return edx & (1 << 26) != 0


@fn(cold=True)
def protections() -> u64:
    """CR4.SMEP and CR4.SMAP, as far as the processor has them (CPUID 7, EBX bits 7 and 20)."""
    highest, _, _, _ = cpuid(u32(0), u32(0))
    if highest < 7:
        return u64(0)
    _, ebx, _, _ = cpuid(u32(7), u32(0))
    smep = u64(CR4_SMEP) if ebx & (1 << 7) != 0 else u64(0)
    smap = u64(CR4_SMAP) if ebx & (1 << 20) != 0 else u64(0)
    return smep | smap


@fn(cold=True)
def map_image(base: Hpa) -> bool:
    """Code is never writable, and nothing that is writable is code."""
    return (
        map_section(base, ImageBound.TEXT_START, ImageBound.TEXT_END, READ_EXECUTE)
        and map_section(base, ImageBound.RODATA_START, ImageBound.RODATA_END, READ_ONLY)
        and map_section(base, ImageBound.DATA_START, ImageBound.IMAGE_END, READ_WRITE)
    )


@fn(cold=True)
def map_section(base: Hpa, first: ImageBound, last: ImageBound, rights: PageEntry) -> bool:
    """One section, from where the loader put the image."""
    start = image_bound(first)
    length = (image_bound(last) - start + (FRAME - 1)) & ~(FRAME - 1)
    return map_pages(start, base + (start - image_bound(ImageBound.IMAGE_START)), length, rights)


@fn(cold=True)
def map_memory(info: BootInfo) -> bool:
    """The direct map: the low 2 MiB, all RAM, and what firmware put beside the RAM. Device windows are left out."""
    if not map_direct(u64(0), u64(LARGE_PAGE)):
        return False
    low_top = top_below_4g(info)
    for i in range(min(info.region_count, u32(MEMORY_REGIONS_MAX))):
        region = info.regions[i]
        end = end_of(u64(region.base), region.length)
        is_memory = region.kind == u32(MemoryKind.USABLE) or region.kind == u32(MemoryKind.ACPI_RECLAIMABLE)
        is_memory = is_memory or region.kind == u32(MemoryKind.ACPI_NVS)
        beside = u64(region.base) <= low_top and region.length <= FIRMWARE_TABLES_MAX
        if (is_memory or beside) and not map_direct(u64(region.base), end):
            return False
    return True


@fn(cold=True)
def map_framebuffer(info: BootInfo) -> bool:
    """The console's screen, which stays in use across the change of tables."""
    screen = info.framebuffer
    return not screen.is_usable() or map_device(screen.base, screen.bytes())


@fn(cold=True)
def map_direct(base: u64, end: u64) -> bool:
    """[base, end), widened to 2 MiB pages."""
    start = base & ~(LARGE_PAGE - 1)
    if end <= start:
        return True
    length = ((end - start) + (LARGE_PAGE - 1)) & ~(LARGE_PAGE - 1)
    return map_pages(start + PHYSICAL_MAP_BASE, Hpa(start), length, READ_WRITE)


@fn(cold=True)
def top_below_4g(info: BootInfo) -> u64:
    """The end of the RAM below 4 GiB."""
    top = u64(0)
    for i in range(min(info.region_count, u32(MEMORY_REGIONS_MAX))):
        region = info.regions[i]
        end = end_of(u64(region.base), region.length)
        if region.kind == u32(MemoryKind.USABLE) and end <= FOUR_GIB:
            top = max(top, end)
    return top


@fn(cold=True)
def map_device(hpa: Hpa, length: u64) -> bool:
    """Make a device's registers reachable through `mmio`, uncached. False when no frame is left for a table."""
    base = u64(hpa) & ~(FRAME - 1)
    end = (u64(hpa) + length + (FRAME - 1)) & ~(FRAME - 1)
    if not map_pages(base + PHYSICAL_MAP_BASE, Hpa(base), end - base, DEVICE):
        return False
    if end - base > INVLPG_MAX:
        write_cr3(read_cr3())
        return True
    for page in range(base, end, FRAME):
        invlpg(Hva(page + PHYSICAL_MAP_BASE))
    return True


@implements(acpi_may_read)
@fn(cold=True)
def memory_is_mapped(hpa: Hpa, length: u64) -> bool:
    """Whether all these bytes can be read through the direct map: for addresses that firmware tables give."""
    end = u64(hpa).checked_add(length)
    if end is None or end > u64(1) << 46:
        return False
    page = u64(hpa) & ~(FRAME - 1)
    while page < end:
        if translate(page + PHYSICAL_MAP_BASE) is None:
            return False
        page += FRAME
    return True


@fn(cold=True)
def map_stack(slot: u32, size: u64) -> u64 | None:
    """A fresh stack in place `slot`; gives its top. `size` is in bytes, a multiple of 4096 below STACK_SLOT."""
    frames = allocate_frames(u32(size // FRAME), u8(Owner.MONITOR))
    if frames is None:
        return None
    top = (u64(slot) + 1) * STACK_SLOT + STACKS_BASE
    if not map_pages(top - size, frames, size, READ_WRITE):
        return None
    return top
