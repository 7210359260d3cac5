"""Interrupts that arise inside the chip or at its pins: the local vector table and the error register."""

from __future__ import annotations

from codegen.lang import fn, u32
from drivers.interrupt.lapic import DeliveryMode, LocalVector
from hypervisor.devices.lapic.priority import FIRST_LEGAL_VECTOR, lapic_accept
from hypervisor.devices.lapic.state import LapicEffect, LapicMode, LocalApic

LVT_RESET = 1 << 16  # masked
SEND_ILLEGAL_VECTOR = 1 << 5
RECEIVE_ILLEGAL_VECTOR = 1 << 6
ILLEGAL_REGISTER = 1 << 7


@fn
def lapic_deliver_local(lapic: LocalApic, entry: LocalVector) -> LapicEffect:
    """Do what a local vector says, unless it is masked (section 11.5.1). LINT0 and LINT1 give one edge per call."""
    if entry.masked:
        return LapicEffect.NONE
    if entry.delivery == DeliveryMode.FIXED:
        if entry.vector < FIRST_LEGAL_VECTOR:
            return lapic_report_error(lapic, u32(RECEIVE_ILLEGAL_VECTOR))
        lapic_accept(lapic, u32(entry.vector), level=False)
        return LapicEffect.INTERRUPT
    if entry.delivery == DeliveryMode.NMI:
        return LapicEffect.NMI
    return LapicEffect.NONE  # ExtINT is asked for by `lapic_takes_extint`; SMI and INIT do not exist here


@fn(cold=True)
def lapic_report_error(lapic: LocalApic, errors: u32) -> LapicEffect:
    """Note errors for the next write to ESR and raise the error interrupt (section 11.5.3)."""
    lapic.pending_errors = lapic.pending_errors | errors
    entry = LocalVector.of(lapic.registers.lvt_error)
    if entry.masked:
        return LapicEffect.NONE
    if entry.vector < FIRST_LEGAL_VECTOR:
        # Reported once, not again for its own report.
        lapic.pending_errors = lapic.pending_errors | RECEIVE_ILLEGAL_VECTOR
        return LapicEffect.NONE
    lapic_accept(lapic, u32(entry.vector), level=False)
    return LapicEffect.INTERRUPT


@fn
def lapic_takes_extint(lapic: LocalApic) -> bool:
    """The PIC's output reaches the processor: LINT0 is ExtINT and not masked, or the APIC is off and the pin is
    INTR."""
    entry = LocalVector.of(lapic.registers.lvt_lint0)
    return lapic.mode == LapicMode.DISABLED or entry.delivery == DeliveryMode.EXTINT and not entry.masked


@fn
def lapic_lint0_edge(lapic: LocalApic) -> LapicEffect:
    """LINT0 rises. As ExtINT it only means that an interrupt may be deliverable."""
    if lapic_takes_extint(lapic):
        return LapicEffect.INTERRUPT
    return lapic_deliver_local(lapic, LocalVector.of(lapic.registers.lvt_lint0))
