"""Structures of the Multiboot specification 0.6.96, section 3, and of ELF (System V gABI)."""

from __future__ import annotations

from codegen.lang import Field, Struct, at, u8, u16, u32, u64

HEADER_MAGIC = 0x1BAD_B002
LOADER_MAGIC = 0x2BAD_B002
HEADER_SEARCH = 8192
FLAG_ADDRESSES = 1 << 16
FLAGS_UNKNOWN = 0xFFF8  # of the 16 that a loader must know: all but page alignment, memory and video information
INFO_MEMORY, INFO_COMMAND_LINE, INFO_MODULES, INFO_MAP, INFO_LOADER = 1 << 0, 1 << 2, 1 << 3, 1 << 6, 1 << 9
ELF_MAGIC = 0x464C_457F
ELF_CLASS_32, ELF_CLASS_64 = 1, 2
PT_LOAD = 1


class MultibootHeader(Struct, size=32, align=1):
    """In the first 8 KiB of the kernel file, on a 4-byte boundary."""

    magic: Field[u32] = at(0)
    flags: Field[u32] = at(4)
    checksum: Field[u32] = at(8)
    header_address: Field[u32] = at(12)
    load_address: Field[u32] = at(16)
    load_end: Field[u32] = at(20)
    bss_end: Field[u32] = at(24)
    entry: Field[u32] = at(28)


class MultibootInfo(Struct, size=120, align=8):
    """What EBX points to at the kernel's entry."""

    flags: Field[u32] = at(0)
    mem_lower: Field[u32] = at(4)  # KiB below 1 MiB
    mem_upper: Field[u32] = at(8)  # KiB from 1 MiB
    command_line: Field[u32] = at(16)
    module_count: Field[u32] = at(20)
    modules: Field[u32] = at(24)
    map_length: Field[u32] = at(44)
    map_address: Field[u32] = at(48)
    loader_name: Field[u32] = at(64)


class MultibootModule(Struct, size=16, align=1):
    """A module in RAM."""

    start: Field[u32] = at(0)
    end: Field[u32] = at(4)
    arguments: Field[u32] = at(8)


class MultibootRegion(Struct, size=24, align=1):
    """An entry of the memory map; `size` does not count itself."""

    size: Field[u32] = at(0)
    base: Field[u64] = at(4)
    length: Field[u64] = at(12)
    kind: Field[u32] = at(20)


class Elf32Header(Struct, size=52, align=1):
    """ELF32 file header."""

    magic: Field[u32] = at(0)
    file_class: Field[u8] = at(4)
    entry: Field[u32] = at(24)
    program_headers: Field[u32] = at(28)
    program_header_size: Field[u16] = at(42)
    program_header_count: Field[u16] = at(44)


class Elf32Segment(Struct, size=32, align=1):
    """ELF32 program header."""

    type: Field[u32] = at(0)
    offset: Field[u32] = at(4)
    virtual: Field[u32] = at(8)
    physical: Field[u32] = at(12)
    file_size: Field[u32] = at(16)
    memory_size: Field[u32] = at(20)


class Elf64Header(Struct, size=64, align=1):
    """ELF64 file header."""

    magic: Field[u32] = at(0)
    file_class: Field[u8] = at(4)
    entry: Field[u64] = at(24)
    program_headers: Field[u64] = at(32)
    program_header_size: Field[u16] = at(54)
    program_header_count: Field[u16] = at(56)


class Elf64Segment(Struct, size=56, align=1):
    """ELF64 program header."""

    type: Field[u32] = at(0)
    offset: Field[u64] = at(8)
    virtual: Field[u64] = at(16)
    physical: Field[u64] = at(24)
    file_size: Field[u64] = at(32)
    memory_size: Field[u64] = at(40)
