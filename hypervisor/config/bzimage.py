"""Linux bzImage: the setup header (Linux, Documentation/arch/x86/boot.rst)."""

import struct

from hypervisor.config.image import BadKernel, KernelImage, Range, check_ranges
from hypervisor.config.model import KernelKind

HEADER_MAGIC = 0x202
HEADER_END = 0x268
OLDEST_PROTOCOL = 0x020A
"""2.10 brought pref_address and init_size."""

LOADED_HIGH = 1 << 0
XLF_KERNEL_64 = 1 << 0
SECTOR = 512
MAX_SETUP_SECTORS = 64
PARAGRAPH = 16


def read_bzimage(data: bytes) -> KernelImage | None:
    """The kernel, None if the file is no bzImage; BadKernel if it is one that cannot be booted."""
    if data[HEADER_MAGIC : HEADER_MAGIC + 4] != b"HdrS" or data[0x1FE:0x200] != b"\x55\xaa":
        return None
    if len(data) < HEADER_END:
        raise BadKernel("is a truncated Linux kernel (its setup header is incomplete)")
    protocol = field(data, "<H", 0x206)
    if protocol < OLDEST_PROTOCOL:
        raise BadKernel(
            f"has Linux boot protocol {version(protocol)}; {version(OLDEST_PROTOCOL)} is the oldest supported"
        )
    if not field(data, "<B", 0x211) & LOADED_HIGH:
        raise BadKernel("is a zImage that loads below 1 MiB; a bzImage is needed")
    if not field(data, "<H", 0x236) & XLF_KERNEL_64:
        raise BadKernel("is a 32-bit Linux kernel (no 64-bit entry point); use the x86-64 one")
    check_length(data)
    start, size = load_address(data), field(data, "<I", 0x260)
    if size == 0:
        raise BadKernel("has a setup header that asks for no memory (init_size is 0)")
    ranges = (Range(start, start + size),)
    check_ranges(ranges)
    relocatable = "relocatable" if field(data, "<B", 0x234) else "not relocatable"
    detail = f"boot protocol {version(protocol)}, {relocatable}"
    return KernelImage(KernelKind.LINUX, detail, ranges, field(data, "<I", 0x238))


def check_length(data: bytes) -> None:
    """The file must hold the setup sectors and the protected-mode code that its header announces."""
    setup_sectors = field(data, "<B", 0x1F1) or 4
    if setup_sectors > MAX_SETUP_SECTORS:
        raise BadKernel(f"has a broken setup header ({setup_sectors} setup sectors)")
    announced = (setup_sectors + 1) * SECTOR + field(data, "<I", 0x1F4) * PARAGRAPH
    if len(data) + PARAGRAPH <= announced:  # the last paragraph need not be whole
        raise BadKernel(f"is a truncated Linux kernel ({len(data)} bytes of {announced})")


def load_address(data: bytes) -> int:
    """Where the kernel unpacks itself: the preferred address; a fixed kernel without one loads at code32_start."""
    return field(data, "<Q", 0x258) or field(data, "<I", 0x214)


def field(data: bytes, code: str, offset: int) -> int:
    (value,) = struct.unpack_from(code, data, offset)
    assert isinstance(value, int)
    return value


def version(protocol: int) -> str:
    return f"{protocol >> 8}.{protocol & 0xFF:02}"
