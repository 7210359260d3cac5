"""Interprocessor interrupts: what a write to the ICR sends (SDM vol. 3A, section 11.6.1)."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.interrupt.lapic import DeliveryMode, InterruptCommand, Shorthand
from hypervisor.devices.lapic.local import SEND_ILLEGAL_VECTOR, lapic_report_error
from hypervisor.devices.lapic.priority import FIRST_LEGAL_VECTOR, lapic_accept, lapic_accepts_fixed
from hypervisor.devices.lapic.state import LapicEffect, LocalApic

BROADCAST = 0xFFFF_FFFF
XAPIC_BROADCAST = 0xFF
ICR_FIXED_SELF = 0x4_0000  # of the low half: fixed, shorthand self
ICR_MODE_AND_SHORTHAND = 0xC_0700


@fn
def wide_destination(destination: u32) -> u32:
    """An 8-bit destination as a message carries it: FFH is everybody."""
    return u32(BROADCAST) if destination == XAPIC_BROADCAST else destination


@fn
def lapic_write_icr_low(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """xAPIC mode: the low half sends, to the destination in the high half."""
    lapic.registers.icr_low = value
    return lapic_send(lapic, value, wide_destination(lapic.registers.icr_high >> 24))


@fn
def lapic_write_icr_high(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """xAPIC mode: only noted."""
    lapic.registers.icr_high = value
    return LapicEffect.NONE


@fn
def lapic_send(lapic: LocalApic, command: u32, destination: u32) -> LapicEffect:
    """Send what the low half of the ICR says. A fixed interrupt to oneself does not leave the chip; for others
    `lapic.command` is the message."""
    if command & ICR_MODE_AND_SHORTHAND == ICR_FIXED_SELF:
        return lapic_send_self(lapic, command & 0xFF)
    message = InterruptCommand.of(u64(destination) << 32 | u64(command))
    mode = message.delivery
    if mode == DeliveryMode.FIXED or mode == DeliveryMode.LOWEST_PRIORITY:
        if message.vector < FIRST_LEGAL_VECTOR:
            return lapic_report_error(lapic, u32(SEND_ILLEGAL_VECTOR))
    elif mode == DeliveryMode.INIT:
        # INIT level de-assert only ever synchronised arbitration IDs: no processor since the Pentium 4 acts on it.
        if message.level and not message.assert_level:
            return LapicEffect.NONE
    elif mode != DeliveryMode.NMI and mode != DeliveryMode.STARTUP:
        return LapicEffect.NONE  # SMI has no handler here; reserved modes and ExtINT are not sent by an ICR
    if message.shorthand == Shorthand.SELF:
        return LapicEffect.NONE  # only fixed interrupts may be sent to oneself (table 11-3)
    lapic.command = message
    return LapicEffect.COMMAND


@fn
def lapic_send_self(lapic: LocalApic, vector: u32) -> LapicEffect:
    """A fixed, edge-triggered interrupt to this processor."""
    if vector < FIRST_LEGAL_VECTOR:
        return lapic_report_error(lapic, u32(SEND_ILLEGAL_VECTOR))
    if lapic_accepts_fixed(lapic):
        lapic_accept(lapic, vector, level=False)
    return LapicEffect.INTERRUPT


@fn
def lapic_write_self_ipi(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """SELF IPI (section 11.12.11), x2APIC mode."""
    return lapic_send_self(lapic, value & 0xFF)
