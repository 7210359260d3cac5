"""Start a bzImage: by the 64-bit protocol where the kernel has it, else by the 32-bit one."""

from __future__ import annotations

from codegen.lang import Gpa, Local, Span, fn, len, max, min, range, sizeof, span_of, u8, u32, u64, usize
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import GuestMemory, copy_out
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.boot.entry_state import enter_flat_32, enter_flat_64
from hypervisor.vm.boot.error import BootError
from hypervisor.vm.boot.linux_header import (
    BOOT_FLAG,
    CAN_USE_HEAP,
    KEEP_SEGMENTS,
    LOADED_HIGH,
    LOADER_TYPE_UNDEFINED,
    SETUP_HEADER_MAGIC,
    SETUP_HEADER_OFFSET,
    XLF_KERNEL_64,
    BootParameters,
    SetupHeader,
)
from hypervisor.vm.boot.memory_map import MEGABYTE, MemoryMap, fill_memory_map, low_ram_end

BOOT_PARAMETERS = 0x1_0000
COMMAND_LINE = 0x2_0000
COMMAND_LINE_MAX = 2048
SECTOR = 512
VERSION_64_BIT = 0x020C
VERSION_RELOCATABLE = 0x0205
VERSION_PREFERRED_ADDRESS = 0x020A
VERSION_OLDEST = 0x0202
INITRD_MAX_DEFAULT = 0x37FF_FFFF
ENTRY_64 = 0x200


@fn
def load_linux(
    vcpu: Vcpu, memory_size: u64, kernel: Span, initrd: Span, command_line: Span, rsdp: Gpa
) -> BootError | None:
    """Place `kernel`, `initrd` (empty for none) and the parameters in the guest's zeroed RAM and set the boot vCPU's
    registers."""
    memory = vcpu.vm.memory
    header = kernel.view(usize(SETUP_HEADER_OFFSET), SetupHeader)
    if header is None:
        return BootError.KERNEL_TRUNCATED
    if header.boot_flag != BOOT_FLAG or header.magic != SETUP_HEADER_MAGIC:
        return BootError.KERNEL_UNKNOWN
    if header.version < VERSION_OLDEST or header.load_flags & LOADED_HIGH == 0:
        return BootError.KERNEL_TOO_OLD
    sectors = usize(header.setup_sectors) if header.setup_sectors != 0 else usize(4)
    setup_size = (sectors + 1) * SECTOR
    if setup_size >= len(kernel):
        return BootError.KERNEL_TRUNCATED
    body = kernel.slice(setup_size, len(kernel) - setup_size)
    load = load_address(header)
    end = load + max(u64(len(body)), needed_size(header))
    low_end = low_ram_end(memory_size)
    if end > low_end:
        return BootError.MEMORY_TOO_SMALL
    if copy_out(memory, Gpa(load), body) is not None:
        return BootError.MEMORY_TOO_SMALL
    initrd_at = u64(0)
    if len(initrd) != 0:
        limit = min(low_end, initrd_limit(header) + 1)
        if u64(len(initrd)) > limit or limit - u64(len(initrd)) < end:
            return BootError.INITRD_TOO_LARGE
        initrd_at = (limit - u64(len(initrd))) & ~0xFFF
        if initrd_at < end or copy_out(memory, Gpa(initrd_at), initrd) is not None:
            return BootError.INITRD_TOO_LARGE
    text = command_line.slice(usize(0), min(len(command_line), usize(COMMAND_LINE_MAX - 1)))
    if copy_out(memory, Gpa(COMMAND_LINE), text) is not None:
        return BootError.MEMORY_TOO_SMALL
    if write_parameters(memory, memory_size, header, kernel, initrd_at, usize(len(initrd)), rsdp) is not None:
        return BootError.MEMORY_TOO_SMALL
    if header.version >= VERSION_64_BIT and header.xloadflags & XLF_KERNEL_64 != 0:
        return enter_flat_64(vcpu, load + ENTRY_64, u64(BOOT_PARAMETERS))
    return enter_flat_32(vcpu, load, u64(0), u64(0), u64(BOOT_PARAMETERS))


@fn
def load_address(header: SetupHeader) -> u64:
    """Where the protected-mode part goes: the preferred address, or 1 MiB for kernels without one."""
    if header.version >= VERSION_PREFERRED_ADDRESS and header.relocatable != 0 and header.pref_address >= MEGABYTE:
        if header.pref_address < (1 << 40):
            return header.pref_address
    return u64(MEGABYTE)


@fn
def needed_size(header: SetupHeader) -> u64:
    """Bytes from the load address that the kernel uses before it reads its memory map."""
    if header.version >= VERSION_PREFERRED_ADDRESS:
        return u64(header.init_size)
    return u64(0)


@fn
def initrd_limit(header: SetupHeader) -> u64:
    """The highest address of the initrd's last byte."""
    if header.version >= 0x0203:
        return u64(header.initrd_address_max)
    return u64(INITRD_MAX_DEFAULT)


@fn
def write_parameters(
    memory: GuestMemory, memory_size: u64, header: SetupHeader, kernel: Span, initrd: u64, initrd_size: usize, rsdp: Gpa
) -> Fault | None:
    """The zero page: the kernel's own header, completed, and the memory map."""
    page = Local(BootParameters)
    length = usize(header.header_length) + (0x202 - SETUP_HEADER_OFFSET)
    length = min(length, usize(sizeof(SetupHeader)))
    target = span_of(page.header).slice(usize(0), length)
    target.copy_from(kernel.slice(usize(SETUP_HEADER_OFFSET), length))
    setup = page.header
    setup.type_of_loader = LOADER_TYPE_UNDEFINED
    setup.load_flags = setup.load_flags & ~(KEEP_SEGMENTS | CAN_USE_HEAP)
    setup.command_line = COMMAND_LINE
    setup.ramdisk_image = u32(initrd)
    setup.ramdisk_size = u32(initrd_size)
    if header.version < VERSION_RELOCATABLE:
        setup.relocatable = 0
    page.acpi_rsdp = u64(rsdp)
    map = Local(MemoryMap)
    fill_memory_map(map, memory_size)
    page.e820_entries = u8(map.region_count)
    for i in range(map.region_count):
        page.e820[i].copy_from(map.regions[i])
    return copy_out(memory, Gpa(BOOT_PARAMETERS), span_of(page))
