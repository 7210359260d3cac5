"""The hand-off: what every way of booting tells the monitor. `hypervisor` imports nothing else of `boot`.

All addresses are physical, all integers little-endian. The loader fills one `BootInfo` below 4 GiB; the archive is one
blob of files (manifest, kernels, initrds, symbols) that lies 4 KiB-aligned anywhere in RAM.
"""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, Hpa, HwEnum, Struct, at, bit, u8, u32, u64
from drivers.console.linear_framebuffer import Framebuffer

BOOT_INFO_MAGIC = 0x4B425448  # "HTBK": in EAX at the 32-bit entry of the image, with EBX = BootInfo
ARCHIVE_MAGIC = 0x3143_5241_424B  # "KBARC1"
MEMORY_REGIONS_MAX = 256
COMMAND_LINE_MAX = 512
NO_FILE = 0xFFFF_FFFF


class MemoryKind(HwEnum, repr=u32):
    """E820 types (ACPI 6.5, section 15)."""

    USABLE = 1
    RESERVED = 2
    ACPI_RECLAIMABLE = 3
    ACPI_NVS = 4
    BAD = 5


class MemoryRegion(Struct, size=24):
    """One entry of the memory map as the firmware gave it: may be unsorted and may overlap others."""

    base: Field[Hpa] = at(0)
    length: Field[u64] = at(8)
    kind: Field[u32] = at(16)  # MemoryKind, or a number that firmware invented: treat as reserved


class BootWay(HwEnum, repr=u32):
    """How the machine came to us."""

    PVH = 1
    BIOS = 2
    UEFI = 3


class BootFlags(BitStruct, repr=u32):
    """What the loader's menu chose."""

    check_machine: bool = bit(0)


class BootInfo(Struct, size=8192, align=8):
    """Filled by the loader; the monitor copies it before it uses low memory."""

    magic: Field[u32] = at(0)
    way: Field[BootWay] = at(4)
    image_base: Field[Hpa] = at(8)  # where the image's first byte lies, 2 MiB-aligned
    image_size: Field[u64] = at(16)
    archive_base: Field[Hpa] = at(24)
    archive_size: Field[u64] = at(32)
    rsdp: Field[Hpa] = at(40)  # 0: search the BIOS areas
    framebuffer: Framebuffer = at(48)  # by UEFI only
    flags: Field[BootFlags] = at(80)
    region_count: Field[u32] = at(84)
    entry_tsc: Field[u64] = at(88)  # TSC at the loader's first instruction
    command_line: Array[u8] = at(96, count=COMMAND_LINE_MAX)  # NUL-terminated
    regions: Array[MemoryRegion] = at(608, count=MEMORY_REGIONS_MAX)
    firmware_ticks: Field[u64] = at(6752)  # TSC ticks since then inside calls of the firmware


class FileKind(HwEnum, repr=u32):
    """What a file of the archive is for."""

    MANIFEST = 1
    SYMBOLS = 2
    GUEST = 3


class ArchiveHeader(Struct, size=32, align=1):
    """First bytes of the archive."""

    magic: Field[u64] = at(0)
    file_count: Field[u32] = at(8)
    total_size: Field[u64] = at(16)


class ArchiveFile(Struct, size=64, align=1):
    """Follows the header, `file_count` times. Files start on 4 KiB boundaries."""

    offset: Field[u64] = at(0)
    size: Field[u64] = at(8)  # bytes
    kind: Field[u32] = at(16)  # FileKind
    name: Array[u8] = at(24, count=40)  # NUL-padded, for messages
