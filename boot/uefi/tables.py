"""The firmware's tables and protocols, as far as we call them (UEFI 2.10, chapters 4, 7, 12 and 13)."""

from __future__ import annotations

import uuid

from codegen.lang import Array, Field, Hpa, Span, Struct, at, span, u8, u16, u32, u64


def guid(text: str) -> Span:
    """A GUID's 16 bytes as the firmware stores them."""
    return span(uuid.UUID(text).bytes_le)


BLOCK_IO = guid("964e5b21-6459-11d2-8e39-00a0c969723b")
LOADED_IMAGE = guid("5b1b31a1-9562-11d2-8e3f-00a0c969723b")
DEVICE_PATH = guid("09576e91-6d3f-11d2-8e39-00a0c969723b")
GRAPHICS_OUTPUT = guid("9042a9de-23dc-4a38-96fb-7aded080516a")
ACPI_20 = guid("8868e871-e4f1-11d3-bc22-0080c73c8881")
ACPI_10 = guid("eb9d2d30-2d88-11d3-9a16-0090273fc14d")


class SystemTable(Struct, size=120):
    """EFI_SYSTEM_TABLE."""

    console_in: Field[Hpa] = at(48)
    console_out: Field[Hpa] = at(64)
    boot_services: Field[Hpa] = at(96)
    table_count: Field[u64] = at(104)
    tables: Field[Hpa] = at(112)


class ConfigurationTable(Struct, size=24):
    """EFI_CONFIGURATION_TABLE."""

    guid: Array[u8] = at(0, count=16)
    table: Field[Hpa] = at(16)


class TextInput(Struct, size=24):
    """EFI_SIMPLE_TEXT_INPUT_PROTOCOL."""

    read_key_stroke: Field[u64] = at(8)


class TextOutput(Struct, size=80):
    """EFI_SIMPLE_TEXT_OUTPUT_PROTOCOL."""

    output_string: Field[u64] = at(8)


class BootServices(Struct, size=376):
    """EFI_BOOT_SERVICES: addresses of functions."""

    allocate_pages: Field[u64] = at(40)
    free_pages: Field[u64] = at(48)
    get_memory_map: Field[u64] = at(56)
    handle_protocol: Field[u64] = at(152)
    exit_boot_services: Field[u64] = at(232)
    stall: Field[u64] = at(248)
    set_watchdog_timer: Field[u64] = at(256)
    locate_handle_buffer: Field[u64] = at(312)
    locate_protocol: Field[u64] = at(320)


class BlockIo(Struct, size=48):
    """EFI_BLOCK_IO_PROTOCOL."""

    media: Field[Hpa] = at(8)
    read_blocks: Field[u64] = at(24)


class BlockMedia(Struct, size=32):
    """EFI_BLOCK_IO_MEDIA, revision 1."""

    media_id: Field[u32] = at(0)
    present: Field[u8] = at(5)
    partition: Field[u8] = at(6)
    block_size: Field[u32] = at(12)
    last_block: Field[u64] = at(24)


class LoadedImage(Struct, size=96):
    """EFI_LOADED_IMAGE_PROTOCOL."""

    device: Field[u64] = at(24)  # the handle of what holds the image's file


class PathNode(Struct, size=4, align=1):
    """EFI_DEVICE_PATH_PROTOCOL: what every node of a path begins with."""

    kind: Field[u8] = at(0)
    length: Field[u16] = at(2)  # bytes, this header included


class GraphicsOutput(Struct, size=32):
    """EFI_GRAPHICS_OUTPUT_PROTOCOL."""

    mode: Field[Hpa] = at(24)


class GraphicsMode(Struct, size=40):
    """EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE."""

    information: Field[Hpa] = at(8)
    base: Field[Hpa] = at(24)


class GraphicsInformation(Struct, size=36, align=4):
    """EFI_GRAPHICS_OUTPUT_MODE_INFORMATION."""

    width: Field[u32] = at(4)
    height: Field[u32] = at(8)
    format: Field[u32] = at(12)  # 0: RGBX, 1: BGRX, 2: the masks, 3: no framebuffer
    red_mask: Field[u32] = at(16)
    green_mask: Field[u32] = at(20)
    blue_mask: Field[u32] = at(24)
    reserved_mask: Field[u32] = at(28)
    pixels_per_line: Field[u32] = at(32)


class MemoryDescriptor(Struct, size=40):
    """EFI_MEMORY_DESCRIPTOR; the firmware's may be longer."""

    kind: Field[u32] = at(0)
    start: Field[u64] = at(8)
    pages: Field[u64] = at(24)


class Word(Struct, size=8):
    """Where the firmware leaves a number or an address for us."""

    value: Field[u64] = at(0)


class Text(Struct, size=8):
    """Two UCS-2 characters and the end; as EFI_INPUT_KEY, scan code and character."""

    characters: Array[u16] = at(0, count=4)
