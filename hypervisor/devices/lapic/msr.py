"""The registers as MSRs 800H to 8FFH, x2APIC mode (SDM vol. 3A, section 11.12.1)."""

from __future__ import annotations

from codegen.lang import fn, static, u32, u64
from drivers.interrupt.lapic import Lapic
from hypervisor.devices.lapic.command import lapic_send
from hypervisor.devices.lapic.registers import (
    READ_ONLY_BITS,
    READABLE_X2APIC,
    REGISTERS,
    WRITABLE_BITS,
    WRITABLE_X2APIC,
    WRITERS,
    lapic_read_register,
)
from hypervisor.devices.lapic.state import LapicEffect, LapicMode, LocalApic

ICR = Lapic.icr_low.offset >> 4
ICR_RESERVED = 0xFFF3_2000  # bits 13, 16, 17 and 20 to 31; bit 12 is read-only and ignored
DELIVERY_STATUS = 1 << 12


@fn
def lapic_msr_read(lapic: LocalApic, number: u32, now: u64) -> u64 | None:
    """RDMSR of 800H + `number`. None is #GP(0): not in x2APIC mode, or no such register, or a write-only one."""
    if lapic.mode != LapicMode.X2APIC or number >= REGISTERS or u64(static(READABLE_X2APIC)) >> (number & 63) & 1 == 0:
        return None
    value = u64(lapic_read_register(lapic, number, now))
    if number == ICR:
        return u64(lapic.registers.icr_high) << 32 | value
    return value


@fn
def lapic_msr_write(lapic: LocalApic, number: u32, value: u64, now: u64) -> LapicEffect:
    """WRMSR of 800H + `number`. REFUSED is #GP(0): also for a reserved bit (section 11.12.1.3)."""
    if lapic.mode != LapicMode.X2APIC:
        return LapicEffect.REFUSED
    low = u32.trunc(value)
    if number == ICR:
        if low & ICR_RESERVED != 0:
            return LapicEffect.REFUSED
        low = low & ~DELIVERY_STATUS
        destination = u32.trunc(value >> 32)
        lapic.registers.icr_low = low
        lapic.registers.icr_high = destination
        return lapic_send(lapic, low, destination)
    if number >= REGISTERS or u64(static(WRITABLE_X2APIC)) >> (number & 63) & 1 == 0:
        return LapicEffect.REFUSED
    if value & ~u64(WRITABLE_BITS[number] | READ_ONLY_BITS[number]) != 0:
        return LapicEffect.REFUSED
    return WRITERS[number](lapic, low & WRITABLE_BITS[number], now)
