"""Calls of the firmware, and the screen, the keyboard, memory and the end by them."""

from __future__ import annotations

from typing import Never

from boot.load import firmware
from boot.load.firmware_time import count_firmware_call
from boot.load.serial import write_serial_text
from boot.uefi.tables import BootServices, SystemTable, Text, TextInput, TextOutput, Word
from codegen.lang import (
    Field,
    Hpa,
    Span,
    Struct,
    address_of,
    cli,
    fn,
    hlt,
    implements,
    phys,
    phys_span,
    rdtsc,
    storage,
    stub,
    u8,
    u16,
    u32,
    u64,
)

AT_ADDRESS = 2
BELOW_ADDRESS = 1
LOADER_DATA = 2


class Firmware(Struct):
    """What the loader knows of it."""

    services: Field[Hpa]
    console: Field[Hpa]
    keyboard: Field[Hpa]


STATE = storage(Firmware)
TEXT = storage(Text)
RESULT = storage(Word)


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
def enter_firmware(function: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64:
    """By Microsoft's convention."""
    ...


@fn
def call_firmware(function: u64, a: u64, b: u64, c: u64, d: u64, e: u64) -> u64:
    """One of its functions; the EFI_STATUS."""
    begin = rdtsc()
    status = enter_firmware(function, a, b, c, d, e)
    count_firmware_call(begin)
    return status


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
def protocol_of(handle: u64, protocol: Span) -> Hpa:
    """The interface of one of the firmware's objects; 0 when it has none of this protocol."""
    place = u64(address_of(RESULT))
    function = services().handle_protocol
    status = call_firmware(function, handle, u64(protocol.address()), place, u64(0), u64(0))
    return Hpa(RESULT.value) if status == 0 else Hpa(0)


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
