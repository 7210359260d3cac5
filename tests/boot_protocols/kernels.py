"""Kernels made in the test: bzImages and multiboot images, sound or not."""

from __future__ import annotations

import struct

HEADER = 0x1F1


def bzimage(body: bytes = b"\x90" * 4096, sectors: int = 4, **changes: int) -> bytes:
    """A bzImage of protocol 2.15 with the 64-bit entry; `changes` are header fields by name."""
    fields = {
        "setup_sectors": ("B", 0x1F1, sectors),
        "boot_flag": ("H", 0x1FE, 0xAA55),
        "header_length": ("B", 0x201, 0x6A),
        "magic": ("I", 0x202, 0x5372_6448),
        "version": ("H", 0x206, 0x20F),
        "load_flags": ("B", 0x211, 0xC1),
        "initrd_address_max": ("I", 0x22C, 0x7FFF_FFFF),
        "kernel_alignment": ("I", 0x230, 0x20_0000),
        "relocatable": ("B", 0x234, 1),
        "xloadflags": ("H", 0x236, 0x7F),
        "pref_address": ("Q", 0x258, 0x20_0000),
        "init_size": ("I", 0x260, 0x10_0000),
    }
    blob = bytearray(max((sectors or 4) * 512 + 512, 0x300))
    for name, (kind, offset, value) in fields.items():
        struct.pack_into(f"<{kind}", blob, offset, changes.get(name, value))
    return bytes(blob) + body


def multiboot_header(flags: int = 0, *addresses: int) -> bytes:
    """The header; `addresses` are those of the address kind."""
    checksum = -(0x1BAD_B002 + flags) & 0xFFFF_FFFF
    return struct.pack("<3I", 0x1BAD_B002, flags, checksum) + struct.pack("<5I", *(addresses or (0,) * 5))


def elf32(segments: list[tuple[int, ...]], entry: int, header: bytes, data: bytes = b"", **changes: int) -> bytes:
    """Segments are (offset, virtual, physical, file size, memory size) of PT_LOAD."""
    count, size, table = changes.get("count", len(segments)), changes.get("size", 32), changes.get("table", 52)
    start = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    start += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, entry, table, 0, 0, 52, size, count, 0, 0, 0)
    table_bytes = b"".join(struct.pack("<8I", 1, *segment, 7, 4) for segment in segments)
    return (start + table_bytes).ljust(0x200, b"\0") + header + data


def elf64(segments: list[tuple[int, ...]], entry: int, header: bytes, data: bytes = b"", **changes: int) -> bytes:
    """The same for ELF64."""
    count, size, table = changes.get("count", len(segments)), changes.get("size", 56), changes.get("table", 64)
    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    start += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, table, 0, 0, 64, size, count, 0, 0, 0)
    table_bytes = b"".join(
        struct.pack("<IIQQQQQQ", 1, 7, offset, virtual, physical, file_size, memory_size, 4096)
        for offset, virtual, physical, file_size, memory_size in segments
    )
    return (start + table_bytes).ljust(0x200, b"\0") + header + data
