"""Start a multiboot 1 kernel: modules, information structure and the state of section 3.2."""

from __future__ import annotations

from codegen.lang import Gpa, Local, Span, fn, len, min, range, span, span_of, u32, u64
from hypervisor.archive import archive_file
from hypervisor.config.manifest import ManifestVm
from hypervisor.memory.guest import GuestMemory, copy_out
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.boot.entry_state import enter_flat_32
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.memory_map import LOW_MEMORY_END, MEGABYTE, MemoryMap, fill_memory_map, low_ram_end
from hypervisor.vm.boot.multiboot_image import LoadedKernel, place_kernel
from hypervisor.vm.boot.multiboot_layout import (
    INFO_COMMAND_LINE,
    INFO_LOADER,
    INFO_MAP,
    INFO_MEMORY,
    INFO_MODULES,
    LOADER_MAGIC,
    MultibootInfo,
    MultibootModule,
    MultibootRegion,
)
from hypervisor.vm.boot.texts import manifest_text

INFORMATION = 0x1_0000
MAP = 0x1_0100
MODULE_LIST = 0x1_0800
LOADER_NAME = 0x1_0F00
TEXTS = 0x2_0000
TEXT_STEP = 2048
PAGE = 4096
HIGHEST_ENTRY = 0xFFFF_FFFF
NAME = span(b"Keelback\0")


@fn
def load_multiboot(vcpu: Vcpu, entry: ManifestVm, kernel: Span) -> BootError | None:
    """Place the kernel, its modules and the information structure in the guest's zeroed RAM and set the boot vCPU's
    registers."""
    memory = vcpu.vm.memory
    loaded = Local(LoadedKernel)
    error = place_kernel(memory, kernel, loaded)
    if error is not None:
        return error
    if loaded.end > low_ram_end(entry.memory):
        return BootError.MEMORY_TOO_SMALL
    if loaded.entry > HIGHEST_ENTRY:
        return BootError.KERNEL_UNKNOWN
    info = Local(MultibootInfo)
    error = place_modules(memory, entry, loaded.end, info)
    if error is not None:
        return error
    error = place_map(memory, entry.memory, info)
    if error is not None:
        return error
    if copy_out(memory, Gpa(TEXTS), manifest_text(entry.command_line)) is not None:
        return BootError.MEMORY_TOO_SMALL
    if copy_out(memory, Gpa(LOADER_NAME), NAME) is not None:
        return BootError.MEMORY_TOO_SMALL
    info.flags = INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES | INFO_MAP | INFO_LOADER
    info.mem_lower = LOW_MEMORY_END // 1024
    info.mem_upper = u32(low_ram_end(entry.memory).saturating_sub(u64(MEGABYTE)) >> 10)
    info.command_line = TEXTS
    info.loader_name = LOADER_NAME
    if copy_out(memory, Gpa(INFORMATION), span_of(info)) is not None:
        return BootError.MEMORY_TOO_SMALL
    return enter_flat_32(vcpu, loaded.entry, u64(LOADER_MAGIC), u64(INFORMATION), u64(0))


@fn
def place_modules(memory: GuestMemory, entry: ManifestVm, kernel_end: u64, info: MultibootInfo) -> BootError | None:
    """Modules on page boundaries behind the kernel, each with its string."""
    at = (kernel_end + (PAGE - 1)) & ~0xFFF
    record = Local(MultibootModule)
    count = min(entry.module_count, u32(16))
    for i in range(count):
        module = entry.modules[i]
        file = archive_file(module.file)
        if file is None:
            return BootError.FILE_MISSING
        text_at = TEXTS + (i + 1) * TEXT_STEP
        record.start = u32.trunc(at)
        record.end = u32.trunc(at + u64(len(file)))
        record.arguments = text_at
        if at + u64(len(file)) > low_ram_end(entry.memory) or copy_out(memory, Gpa(at), file) is not None:
            return BootError.MEMORY_TOO_SMALL
        if copy_out(memory, Gpa(u64(text_at)), manifest_text(module.arguments)) is not None:
            return BootError.MEMORY_TOO_SMALL
        if copy_out(memory, Gpa(u64(MODULE_LIST + i * 16)), span_of(record)) is not None:
            return BootError.MEMORY_TOO_SMALL
        at = (at + u64(len(file)) + (PAGE - 1)) & ~0xFFF
    info.module_count = count
    info.modules = MODULE_LIST
    return None


@fn
def place_map(memory: GuestMemory, memory_size: u64, info: MultibootInfo) -> BootError | None:
    """The memory map: E820 entries, each behind its own size."""
    map = Local(MemoryMap)
    fill_memory_map(map, memory_size)
    record = Local(MultibootRegion)
    for i in range(map.region_count):
        region = map.regions[i]
        record.size = 20
        record.base = region.base
        record.length = region.length
        record.kind = u32(region.kind)
        if copy_out(memory, Gpa(u64(MAP + i * 24)), span_of(record)) is not None:
            return BootError.MEMORY_TOO_SMALL
    info.map_length = map.region_count * 24
    info.map_address = MAP
    return None
