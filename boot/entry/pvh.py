"""PVH: Xen's start-of-day structures (xen/include/public/arch-x86/hvm/start_info.h), turned into BootInfo.

QEMU puts them into low memory, so they are copied before anything else runs.
"""

from __future__ import annotations

from boot.info import BOOT_INFO_MAGIC, COMMAND_LINE_MAX, MEMORY_REGIONS_MAX, BootFlags, BootInfo, BootWay
from codegen.lang import (
    Field,
    Hpa,
    Hva,
    Struct,
    address_of,
    at,
    fn,
    len,
    min,
    phys,
    phys_span,
    range,
    sizeof,
    span,
    span_of,
    storage,
    u32,
    u64,
    usize,
)

START_INFO_MAGIC = 0x336E_C578
CHECK_WORD = span(b"check")  # first word of the command line: what the loaders' menu offers


class StartInfo(Struct, size=56):
    """struct hvm_start_info, version 1."""

    magic: Field[u32] = at(0)
    module_count: Field[u32] = at(12)
    modules: Field[Hpa] = at(16)
    command_line: Field[Hpa] = at(24)
    rsdp: Field[Hpa] = at(32)
    memory_map: Field[Hpa] = at(40)
    memory_map_entries: Field[u32] = at(48)


class StartModule(Struct, size=32):
    """struct hvm_modlist_entry."""

    base: Field[Hpa] = at(0)
    size: Field[u64] = at(8)


class StartRegion(Struct, size=24):
    """struct hvm_memmap_table_entry; the types are E820's."""

    base: Field[Hpa] = at(0)
    length: Field[u64] = at(8)
    kind: Field[u32] = at(16)


INFO = storage(BootInfo)


@fn(export="pvh_boot_info")
def pvh_boot_info(start_info: Hpa, image_base: Hpa, image_size: u64, entry_tsc: u64) -> Hva:
    """BootInfo in the image's own memory. A wrong magic leaves an empty memory map, which the monitor refuses."""
    INFO.magic = BOOT_INFO_MAGIC
    INFO.way = BootWay.PVH
    INFO.image_base = image_base
    INFO.image_size = image_size
    INFO.entry_tsc = entry_tsc
    start = phys(StartInfo, start_info)
    if start.magic == START_INFO_MAGIC:
        INFO.rsdp = start.rsdp
        copy_memory_map(start)
        if start.module_count > 0:
            module = phys(StartModule, start.modules)
            INFO.archive_base = module.base
            INFO.archive_size = module.size
        if start.command_line != Hpa(0):
            copy_command_line(start.command_line)
    return address_of(INFO)


@fn
def copy_memory_map(start: StartInfo) -> None:
    count = min(start.memory_map_entries, u32(MEMORY_REGIONS_MAX))
    for i in range(usize(count)):
        region = phys(StartRegion, start.memory_map + u64(i) * sizeof(StartRegion))
        INFO.regions[i].base = region.base
        INFO.regions[i].length = region.length
        INFO.regions[i].kind = region.kind
    INFO.region_count = count


@fn
def copy_command_line(source: Hpa) -> None:
    text = phys_span(source, COMMAND_LINE_MAX - 1)
    for i in range(usize(COMMAND_LINE_MAX - 1)):
        if text[i] == 0:
            break
        INFO.command_line[i] = text[i]
    check = span_of(INFO).slice(usize(BootInfo.command_line.offset), len(CHECK_WORD))
    INFO.flags = BootFlags(check_machine=check.equals(CHECK_WORD))
