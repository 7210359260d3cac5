"""The setup header and boot parameters of Linux (Documentation/arch/x86/boot.rst and zero-page.rst)."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, at, u8, u16, u32, u64
from hypervisor.vm.boot.memory_map import Region

SETUP_HEADER_OFFSET = 0x1F1
SETUP_HEADER_MAGIC = 0x5372_6448  # "HdrS"
BOOT_FLAG = 0xAA55
LOADED_HIGH = 1 << 0
KEEP_SEGMENTS = 1 << 6
CAN_USE_HEAP = 1 << 7
XLF_KERNEL_64 = 1 << 0
LOADER_TYPE_UNDEFINED = 0xFF
E820_MAX = 128


class SetupHeader(Struct, size=0x80, align=1):
    """Offsets are relative to 0x1F1, where the header begins in the file and in boot_params."""

    setup_sectors: Field[u8] = at(0x00)
    boot_flag: Field[u16] = at(0x0D)
    jump: Field[u8] = at(0x0F)
    header_length: Field[u8] = at(0x10)  # the target of the jump: end of the header, relative to 0x202
    magic: Field[u32] = at(0x11)
    version: Field[u16] = at(0x15)
    type_of_loader: Field[u8] = at(0x1F)
    load_flags: Field[u8] = at(0x20)
    code32_start: Field[u32] = at(0x23)
    ramdisk_image: Field[u32] = at(0x27)
    ramdisk_size: Field[u32] = at(0x2B)
    heap_end: Field[u16] = at(0x33)
    command_line: Field[u32] = at(0x37)
    initrd_address_max: Field[u32] = at(0x3B)
    kernel_alignment: Field[u32] = at(0x3F)
    relocatable: Field[u8] = at(0x43)
    min_alignment: Field[u8] = at(0x44)
    xloadflags: Field[u16] = at(0x45)
    command_line_size: Field[u32] = at(0x47)
    payload_offset: Field[u32] = at(0x57)
    pref_address: Field[u64] = at(0x67)
    init_size: Field[u32] = at(0x6F)


class BootParameters(Struct, size=4096, align=8):
    """The zero page."""

    acpi_rsdp: Field[u64] = at(0x70)
    ramdisk_image_high: Field[u32] = at(0xC0)
    ramdisk_size_high: Field[u32] = at(0xC4)
    command_line_high: Field[u32] = at(0xC8)
    e820_entries: Field[u8] = at(0x1E8)
    header: SetupHeader = at(SETUP_HEADER_OFFSET)
    e820: Array[Region] = at(0x2D0, count=E820_MAX)
