"""One BIOS interrupt from 32-bit code, and the screen, the medium and the end by it."""

from __future__ import annotations

from typing import Never

from boot.bios.boot_sector import BootSector
from boot.bios.low_memory import BOOT_SECTOR, BOUNCE, BOUNCE_SIZE, DISK_PACKET
from boot.bios.real_mode import BIOS_CALL, BiosRegisters
from boot.load import firmware
from boot.load.firmware_time import count_firmware_call
from boot.load.serial import write_serial_text
from codegen.lang import (
    Field,
    Hpa,
    Span,
    Struct,
    at,
    cli,
    fn,
    hlt,
    implements,
    len,
    min,
    phys,
    phys_span,
    rdtsc,
    storage,
    stub,
    u8,
    u16,
    u32,
    u64,
    usize,
)

REGISTERS = storage(BiosRegisters)
CARRY = 1
ZERO = 0x40
KEY_WAITS = 0x0100
WAIT = 0x8600
READ_EXTENDED = 0x4200
TELETYPE = 0x0E00
READ_TRIES = 3
DISK_CHUNK = 124 * 512  # some firmware stops at 127 sectors; whole CD sectors keep the arithmetic one


class DiskPacket(Struct, size=16):
    """Disk address packet of INT 13h AH=42h (EDD-3, 8.2)."""

    size: Field[u8] = at(0)
    sectors: Field[u16] = at(2)
    offset: Field[u16] = at(4)
    segment: Field[u16] = at(6)
    lba: Field[u64] = at(8)


@stub("mov eax, {{ entry }}\njmp eax", bits=32, constants={"entry": BIOS_CALL})
def enter_bios(number: u32, registers: BiosRegisters) -> None: ...


@fn
def bios_interrupt(number: u32, registers: BiosRegisters) -> None:
    """One interrupt, with these registers in and out."""
    begin = rdtsc()
    enter_bios(number, registers)
    count_firmware_call(begin)


@fn
def carry_set() -> bool:
    return REGISTERS.eflags & CARRY != 0


@implements(firmware.show_byte)
@fn
def show_byte(byte: u8) -> None:
    if byte == 10:
        teletype(u8(13))
    teletype(byte)
    write_serial_text(byte)


@fn
def teletype(byte: u8) -> None:
    REGISTERS.eax = u32(byte) | TELETYPE
    REGISTERS.ebx = 7
    bios_interrupt(u32(0x10), REGISTERS)


@implements(firmware.claim_memory)
@fn
def claim_memory(base: Hpa, size: u64) -> bool:
    """The BIOS uses nothing that its map calls usable."""
    return True


@implements(firmware.release_memory)
@fn
def release_memory(base: Hpa, size: u64) -> None:
    pass


@implements(firmware.read_key)
@fn
def read_key() -> u8:
    """INT 16h: AH=01h tells by ZF whether a key waits, AH=00h takes it."""
    REGISTERS.eax = KEY_WAITS
    bios_interrupt(u32(0x16), REGISTERS)
    if REGISTERS.eflags & ZERO != 0:
        return u8(0)
    REGISTERS.eax = 0
    bios_interrupt(u32(0x16), REGISTERS)
    return u8.trunc(REGISTERS.eax)


@implements(firmware.pause_milliseconds)
@fn
def pause_milliseconds(count: u32) -> None:
    """INT 15h AH=86h: microseconds in CX:DX."""
    microseconds = count * 1000
    REGISTERS.eax = WAIT
    REGISTERS.ecx = microseconds >> 16
    REGISTERS.edx = microseconds & 0xFFFF
    bios_interrupt(u32(0x15), REGISTERS)


@implements(firmware.halt)
@fn
def halt() -> Never:
    while True:
        cli()
        hlt()


@implements(firmware.read_medium)
@fn
def read_medium(offset: u64, target: Span) -> bool:
    """Through the bounce buffer, in the largest pieces that all firmware takes."""
    chunk = usize(BOUNCE_SIZE) if sector_shift() == 11 else usize(DISK_CHUNK)
    done = usize(0)
    while done < len(target):
        count = min(chunk, len(target) - done)
        if not read_bounce(offset + u64(done), u32(count)):
            return False
        target.slice(done, count).copy_from(phys_span(Hpa(BOUNCE), u64(count)))
        done += count
    return True


@fn
def sector_shift() -> u32:
    return u32(11) if phys(BootSector, Hpa(BOOT_SECTOR)).sector_size == 2048 else u32(9)


@fn
def read_bounce(offset: u64, size: u32) -> bool:
    """Whole sectors from `offset` on into the bounce buffer; a drive gets a reset and another try."""
    shift = sector_shift()
    packet = phys(DiskPacket, Hpa(DISK_PACKET))
    drive = phys(BootSector, Hpa(BOOT_SECTOR)).drive
    tries = u32(0)
    while tries < READ_TRIES:
        packet.size = 16
        packet.sectors = u16((size + ((u32(1) << shift) - 1)) >> shift)
        packet.offset = 0
        packet.segment = BOUNCE >> 4
        packet.lba = offset >> shift
        REGISTERS.eax = READ_EXTENDED
        REGISTERS.edx = u32(drive)
        REGISTERS.esi = DISK_PACKET
        bios_interrupt(u32(0x13), REGISTERS)
        if not carry_set():
            return True
        REGISTERS.eax = 0
        REGISTERS.edx = u32(drive)
        bios_interrupt(u32(0x13), REGISTERS)
        tries += 1
    return False
