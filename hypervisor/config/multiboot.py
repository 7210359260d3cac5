"""Multiboot 1 kernels (Multiboot Specification 0.6.96, section 3.1): ELF32, ELF64, or addresses in the header."""

import struct
from dataclasses import dataclass

from hypervisor.config.image import BadKernel, KernelImage, Range, check_ranges
from hypervisor.config.limits import MAX_CMDLINE_BYTES
from hypervisor.config.model import KernelKind

SEARCH_BYTES = 8192
MAGIC = 0x1BADB002
KNOWN_REQUIREMENTS = 0b111
"""Page-aligned modules, memory map, video mode (a wish that need not be granted)."""
ADDRESSES_VALID = 1 << 16

MAX_PROGRAM_HEADERS = 64
PT_LOAD = 1
EM_386, EM_X86_64 = 3, 62
ADDRESS_LIMIT = 1 << 32
"""The kernel is entered in 32-bit mode: nothing of it may lie above."""


@dataclass(frozen=True)
class ElfLayout:
    """Where an ELF class keeps what we need: header fields at 24 (entry, phoff) and the program header."""

    kind: KernelKind
    header: str
    counts_offset: int
    program_header: str


# One program header as (type, offset, vaddr, paddr, filesz, memsz) once its fields are put in that order.
ELF32 = ElfLayout(KernelKind.MULTIBOOT_ELF32, "<II", 42, "<IIIIII")
ELF64 = ElfLayout(KernelKind.MULTIBOOT_ELF64, "<QQ", 54, "<I4xQQQQQ")


def read_multiboot(data: bytes) -> KernelImage | None:
    """The kernel, None without a multiboot header; BadKernel if it cannot be booted."""
    offset = find_header(data)
    if offset is None:
        return None
    (flags,) = struct.unpack_from("<I", data, offset + 4)
    if flags & 0xFFFF & ~KNOWN_REQUIREMENTS:
        raise BadKernel(f"requires multiboot features that do not exist (flags {flags:#x})")
    image = read_addresses(data, offset) if flags & ADDRESSES_VALID else read_elf(data)
    check_ranges(image.ranges)
    return image


def find_header(data: bytes) -> int | None:
    """The header is aligned to 4 bytes, and its magic, flags and checksum add up to 0."""
    for offset in range(0, min(len(data), SEARCH_BYTES) - 11, 4):
        magic, flags, checksum = struct.unpack_from("<III", data, offset)
        if magic == MAGIC and (magic + flags + checksum) % (1 << 32) == 0:
            return offset
    return None


def read_addresses(data: bytes, offset: int) -> KernelImage:
    """The address fields of the header (section 3.1.3), which go before those of an ELF header."""
    if len(data) < offset + 32:
        raise BadKernel("is a truncated multiboot kernel (its header is incomplete)")
    header, load, load_end, bss_end, entry = struct.unpack_from("<IIIII", data, offset + 12)
    file_start = offset - (header - load)
    if header < load or file_start < 0:
        raise BadKernel("has a broken multiboot header (the header lies below load_addr)")
    load_end = load_end or load + len(data) - file_start
    if load_end < load or load_end - load > len(data) - file_start:
        raise BadKernel(f"is a truncated multiboot kernel ({len(data)} bytes of {file_start + load_end - load})")
    end = bss_end or load_end
    if end < load_end or not load <= entry < end:
        raise BadKernel("has a broken multiboot header (bss_end_addr or entry_addr lies outside)")
    detail = f"entry {entry:#x}"
    return KernelImage(KernelKind.MULTIBOOT_ADDRESSES, detail, (Range(load, end),), MAX_CMDLINE_BYTES)


def read_elf(data: bytes) -> KernelImage:
    """An ELF executable: every PT_LOAD segment goes to its physical address."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        raise BadKernel("has a multiboot header without addresses, and is no ELF file")
    layout = {1: ELF32, 2: ELF64}.get(data[4])
    (machine,) = struct.unpack_from("<H", data, 18)
    if layout is None or data[5] != 1 or machine not in (EM_386, EM_X86_64):
        raise BadKernel("is an ELF file for another processor")
    entry, table = struct.unpack_from(layout.header, data, 24)
    entry_size, count = struct.unpack_from("<HH", data, layout.counts_offset)
    size = struct.calcsize(layout.program_header)
    if entry_size < size or count > MAX_PROGRAM_HEADERS or table + count * entry_size > len(data):
        raise BadKernel("is a truncated or broken ELF file (its program headers)")
    headers = [struct.unpack_from(layout.program_header, data, table + i * entry_size) for i in range(count)]
    loaded = [header[1:] for header in headers if header[0] == PT_LOAD and header[5]]
    ranges = tuple(segment_range(data, *segment) for segment in loaded)
    if not any(
        vaddr <= entry < vaddr + memory or paddr <= entry < paddr + memory for _, vaddr, paddr, _, memory in loaded
    ):
        raise BadKernel(f"has its entry point {entry:#x} in no loaded segment")
    return KernelImage(layout.kind, f"entry {entry:#x}", ranges, MAX_CMDLINE_BYTES)


def segment_range(data: bytes, offset: int, vaddr: int, paddr: int, file_size: int, memory_size: int) -> Range:
    """Where one segment lies in memory, if the file really holds it."""
    if offset + file_size > len(data):
        raise BadKernel(f"is a truncated ELF file ({len(data)} bytes of {offset + file_size})")
    if file_size > memory_size or paddr + memory_size > ADDRESS_LIMIT:
        raise BadKernel(f"has a broken ELF segment (at {paddr:#x}, {memory_size:#x} bytes)")
    return Range(paddr, paddr + memory_size)
