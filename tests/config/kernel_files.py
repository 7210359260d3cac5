"""Kernel files made on the spot: small, valid, and easy to break in one place."""

import struct

from hypervisor.config.multiboot import MAGIC

SETUP_SECTORS = 1
CODE_BYTES = 4096


def bzimage(
    *, protocol: int = 0x20F, load: int = 0x1000000, init_size: int = 0x400000, xloadflags: int = 1, loadflags: int = 1
) -> bytes:
    """A bzImage whose protected-mode part is empty."""
    image = bytearray((SETUP_SECTORS + 1) * 512 + CODE_BYTES)
    struct.pack_into("<BHI", image, 0x1F1, SETUP_SECTORS, 0, CODE_BYTES // 16)
    image[0x1FE:0x206] = b"\x55\xaa\xeb\x66HdrS"
    struct.pack_into("<H", image, 0x206, protocol)
    image[0x211] = loadflags
    struct.pack_into("<BBH", image, 0x234, 1, 21, xloadflags)
    struct.pack_into("<I", image, 0x238, 2047)
    struct.pack_into("<QI", image, 0x258, load, init_size)
    return bytes(image)


def multiboot_header(flags: int = 3, addresses: tuple[int, ...] = ()) -> bytes:
    return struct.pack("<III", MAGIC, flags, -(MAGIC + flags) % (1 << 32)) + struct.pack(
        f"<{len(addresses)}I", *addresses
    )


def elf64(segments: list[tuple[int, int, int]], *, entry: int | None = None, flags: int = 3) -> bytes:
    """A multiboot ELF64 with segments (physical address, bytes in the file, bytes in memory)."""
    table = b""
    offset = 4096
    for address, file_size, memory_size in segments:
        table += struct.pack("<IIQQQQQQ", 1, 7, offset, address, address, file_size, memory_size, 4096)
        offset += file_size
    start = segments[0][0] if entry is None and segments else entry or 0
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, start, 64, 0, 0, 64, 56, len(segments), 64, 0, 0)
    head = (header + table).ljust(2048, b"\0") + multiboot_header(flags)
    return head.ljust(offset, b"\x90")


def elf32(segments: list[tuple[int, int, int]]) -> bytes:
    """The same as an ELF32."""
    table = b""
    offset = 4096
    for address, file_size, memory_size in segments:
        table += struct.pack("<IIIIIIII", 1, offset, address, address, file_size, memory_size, 7, 4096)
        offset += file_size
    header = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    header += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, segments[0][0], 52, 0, 0, 52, 32, len(segments), 40, 0, 0)
    return ((header + table).ljust(2048, b"\0") + multiboot_header()).ljust(offset, b"\x90")


def address_kernel(*, load: int = 0x100000, bss_end: int = 0x102000, entry: int = 0x100020) -> bytes:
    """A flat multiboot kernel that says in its header where it goes."""
    header = multiboot_header(3 | 1 << 16, (load, load, 0, bss_end, entry))
    return header.ljust(4096, b"\x90")
