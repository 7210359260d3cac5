"""Calls of the firmware, and the screen, the medium, memory and the end by them."""

from __future__ import annotations

from typing import Never

from boot.load import firmware
from boot.load.iso9660 import VOLUME_DESCRIPTOR, VolumeDescriptor
from boot.load.serial import write_serial_text
from boot.uefi.tables import BLOCK_IO, BlockIo, BlockMedia, BootServices, SystemTable, Text, TextInput, TextOutput, Word
from codegen.lang import (
    Array,
    Field,
    Hpa,
    Span,
    Struct,
    address_of,
    at,
    cli,
    fn,
    hlt,
    implements,
    len,
    min,
    phys,
    phys_span,
    range,
    span,
    span_of,
    storage,
    stub,
    u8,
    u16,
    u32,
    u64,
    usize,
)

BY_PROTOCOL = 2
AT_ADDRESS = 2
BELOW_ADDRESS = 1
LOADER_DATA = 2
BOUNCE_SIZE = 65536
VOLUME_ID = span(b"KEELBACK")


class Firmware(Struct):
    """What the loader knows of it."""

    services: Field[Hpa]
    console: Field[Hpa]
    keyboard: Field[Hpa]
    medium: Field[Hpa]  # a BlockIo; 0 before it is found
    media_id: Field[u32]
    block_shift: Field[u32]


class Bounce(Struct, size=BOUNCE_SIZE, align=4096):
    """Aligned as any controller wants it."""

    bytes: Array[u8] = at(0, count=BOUNCE_SIZE)


STATE = storage(Firmware)
BOUNCE = storage(Bounce)
TEXT = storage(Text)
RESULT = storage(Word)
COUNT = storage(Word)


@stub(
    """
    sub rsp, 0x38
    mov rax, rdi
    mov qword ptr [rsp + 0x20], r9
    mov r9, r8
    mov r8, rcx
    mov rcx, rsi
    call rax
    add rsp, 0x38
    ret
    """
)
def call_firmware(function: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64:
    """One of its functions, by Microsoft's convention; the EFI_STATUS."""
    ...


@fn
def start_firmware(table: Hpa) -> None:
    """No watchdog: reading a large archive from a slow stick may take longer than its five minutes."""
    STATE.services = phys(SystemTable, table).boot_services
    STATE.console = phys(SystemTable, table).console_out
    STATE.keyboard = phys(SystemTable, table).console_in
    call_firmware(services().set_watchdog_timer, u64(0), u64(0), u64(0), u64(0), u64(0))


@fn
def services() -> BootServices:
    return phys(BootServices, STATE.services)


@implements(firmware.show_byte)
@fn
def show_byte(byte: u8) -> None:
    """On the firmware's console, which may be COM1 too; on COM1 ourselves once the firmware is gone."""
    if STATE.console == Hpa(0):
        write_serial_text(byte)
        return
    TEXT.zero()
    TEXT.characters[0] = u16(byte)
    if byte == 10:
        TEXT.characters[0] = 13
        TEXT.characters[1] = 10
    output = phys(TextOutput, STATE.console).output_string
    call_firmware(output, u64(STATE.console), u64(address_of(TEXT)), u64(0), u64(0), u64(0))


@implements(firmware.read_key)
@fn
def read_key() -> u8:
    """The firmware's console may be COM1 too."""
    if STATE.keyboard == Hpa(0):
        return u8(0)
    read = phys(TextInput, STATE.keyboard).read_key_stroke
    if call_firmware(read, u64(STATE.keyboard), u64(address_of(TEXT)), u64(0), u64(0), u64(0)) != 0:
        return u8(0)
    return u8.trunc(TEXT.characters[1])


@implements(firmware.pause_milliseconds)
@fn
def pause_milliseconds(count: u32) -> None:
    call_firmware(services().stall, u64(count) * 1000, u64(0), u64(0), u64(0), u64(0))


@implements(firmware.halt)
@fn
def halt() -> Never:
    while True:
        cli()
        hlt()


@fn
def find_medium() -> bool:
    """The first whole medium that holds our volume: OVMF and others have no driver for ISO 9660, but blocks."""
    status = call_firmware(
        services().locate_handle_buffer,
        u64(BY_PROTOCOL),
        u64(BLOCK_IO.address()),
        u64(0),
        u64(address_of(COUNT)),
        u64(address_of(RESULT)),
    )
    if status != 0:
        return False
    handles = RESULT.value
    for i in range(usize(COUNT.value)):
        handle = phys(Word, Hpa(handles) + u64(i) * 8).value
        status = call_firmware(
            services().handle_protocol,
            handle,
            u64(BLOCK_IO.address()),
            u64(address_of(RESULT)),
            u64(0),
            u64(0),
        )
        if status == 0 and is_ours(Hpa(RESULT.value)):
            return True
    return False


@fn
def is_ours(medium: Hpa) -> bool:
    media = phys(BlockMedia, phys(BlockIo, medium).media)
    if media.present == 0 or media.partition != 0:
        return False
    if media.block_size != 512 and media.block_size != 2048:
        return False
    STATE.medium = medium
    STATE.media_id = media.media_id
    STATE.block_shift = u32(9) if media.block_size == 512 else u32(11)
    if not read_bounce(u64(VOLUME_DESCRIPTOR), u64(2048)):
        return False
    name = span_of(BOUNCE).slice(usize(VolumeDescriptor.volume_id.offset), len(VOLUME_ID))
    return name.equals(VOLUME_ID)


@implements(firmware.read_medium)
@fn
def read_medium(offset: u64, target: Span) -> bool:
    """Through an aligned buffer: firmware may want that, and says so only by failing."""
    done = usize(0)
    while done < len(target):
        count = min(usize(BOUNCE_SIZE), len(target) - done)
        if not read_bounce(offset + u64(done), (u64(count) + 2047) & ~2047):
            return False
        target.slice(done, count).copy_from(span_of(BOUNCE).slice(usize(0), count))
        done += count
    return True


@fn
def read_bounce(offset: u64, size: u64) -> bool:
    read_blocks = phys(BlockIo, STATE.medium).read_blocks
    lba = offset >> STATE.block_shift
    status = call_firmware(read_blocks, u64(STATE.medium), u64(STATE.media_id), lba, size, u64(address_of(BOUNCE)))
    return status == 0


@implements(firmware.claim_memory)
@fn
def claim_memory(base: Hpa, size: u64) -> bool:
    RESULT.value = u64(base)
    return allocate(u64(AT_ADDRESS), size)


@implements(firmware.release_memory)
@fn
def release_memory(base: Hpa, size: u64) -> None:
    call_firmware(services().free_pages, u64(base), (size + 4095) >> 12, u64(0), u64(0), u64(0))


@fn
def allocate_low(size: u64) -> Hpa | None:
    """Zeroed pages below 4 GiB."""
    RESULT.value = 0xFFFF_FFFF
    if not allocate(u64(BELOW_ADDRESS), size):
        return None
    phys_span(Hpa(RESULT.value), size).fill(u8(0))
    return Hpa(RESULT.value)


@fn
def allocate(how: u64, size: u64) -> bool:
    pages = (size + 4095) >> 12
    place = u64(address_of(RESULT))
    return call_firmware(services().allocate_pages, how, u64(LOADER_DATA), pages, place, u64(0)) == 0
