"""The register page at FEE00000H, xAPIC mode (SDM vol. 3A, section 11.4.1)."""

from __future__ import annotations

from codegen.lang import fn, static, u32, u64
from drivers.interrupt.lapic import Lapic
from hypervisor.devices.lapic.local import ILLEGAL_REGISTER, lapic_report_error
from hypervisor.devices.lapic.priority import lapic_end_of_interrupt
from hypervisor.devices.lapic.registers import (
    READABLE_XAPIC,
    REGISTERS,
    WRITABLE_BITS,
    WRITABLE_XAPIC,
    WRITERS,
    lapic_read_register,
)
from hypervisor.devices.lapic.state import LapicEffect, LapicMode, LocalApic

EOI = Lapic.eoi.offset
ALL_ONES = 0xFFFF_FFFF


@fn
def lapic_mmio_read(lapic: LocalApic, offset: u32, width: u32, now: u64) -> u32:
    """Read `width` bytes (1, 2, 4 or 8) at `offset` of the page; of 8 the upper half is 0. A narrow read inside a
    register's four bytes gives those bytes; the twelve bytes between registers read 0. A register that does not exist
    reads 0 and is an error in ESR (no interrupt: a read has no effect outside the chip). In other modes nothing
    answers."""
    if lapic.mode != LapicMode.XAPIC:
        return u32(ALL_ONES)
    number = offset >> 4
    if number >= REGISTERS or u64(static(READABLE_XAPIC)) >> (number & 63) & 1 == 0:
        lapic.pending_errors = lapic.pending_errors | ILLEGAL_REGISTER
        return u32(0)
    value = lapic_read_register(lapic, number, now)
    byte = offset & 15
    if byte == 0 and width >= 4:
        return value
    if byte > 3:
        return u32(0)
    value = value >> (byte * 8)
    if width == 1:
        return value & 0xFF
    return value & 0xFFFF if width == 2 else value


@fn
def lapic_mmio_write(lapic: LocalApic, offset: u32, width: u32, value: u32, now: u64) -> LapicEffect:
    """Write `width` bytes at `offset`. Only aligned 32-bit writes reach a register, others are ignored; reserved bits
    are dropped. Never REFUSED."""
    if lapic.mode != LapicMode.XAPIC or width != 4 or offset & 15 != 0:
        return LapicEffect.NONE
    if offset == EOI:
        return lapic_end_of_interrupt(lapic)
    number = offset >> 4
    if number >= REGISTERS or u64(static(WRITABLE_XAPIC)) >> (number & 63) & 1 == 0:
        return lapic_report_error(lapic, u32(ILLEGAL_REGISTER))
    return WRITERS[number](lapic, value & WRITABLE_BITS[number], now)
