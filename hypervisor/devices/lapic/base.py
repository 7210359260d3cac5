"""IA32_APIC_BASE: the modes of the local APIC and the legal ways between them (SDM vol. 3A, section 11.12.5)."""

from __future__ import annotations

from codegen.lang import fn, u64
from drivers.interrupt.lapic import LAPIC_BASE, ApicBase
from hypervisor.devices.lapic.public import lapic_publish
from hypervisor.devices.lapic.reset import lapic_reset_registers
from hypervisor.devices.lapic.state import LapicEffect, LapicMode, LocalApic, lapic_x2apic_logical_id

RESERVED = 0xFFFF_FFFF_0000_02FF  # all but BSP, EXTD, EN and a 32-bit base


@fn
def lapic_base_read(lapic: LocalApic) -> u64:
    """RDMSR of 1BH."""
    return u64(lapic.base)


@fn
def mode_of(base: ApicBase) -> LapicMode:
    """The mode that the two enable bits choose; x2APIC without the global enable is checked before."""
    if not base.enabled:
        return LapicMode.DISABLED
    return LapicMode.X2APIC if base.x2apic else LapicMode.XAPIC


@fn(cold=True)
def lapic_base_write(lapic: LocalApic, value: u64) -> LapicEffect:
    """WRMSR of 1BH. REFUSED is #GP(0): a reserved bit, an illegal change of mode (figure 11-22), or a page other than
    FEE00000H, where this machine's APIC always lies. The BSP flag does not change."""
    base = ApicBase.of(value)
    if value & RESERVED != 0 or base.frame != LAPIC_BASE >> 12:
        return LapicEffect.REFUSED
    if base.x2apic and not base.enabled:
        return LapicEffect.REFUSED
    old = lapic.mode
    new = mode_of(base)
    if old == LapicMode.X2APIC and new == LapicMode.XAPIC or old == LapicMode.DISABLED and new == LapicMode.X2APIC:
        return LapicEffect.REFUSED
    lapic.base = base.replace(bootstrap=lapic.base.bootstrap)
    if new == old:
        return LapicEffect.NONE
    lapic.mode = new
    if new == LapicMode.X2APIC:
        lapic_enter_x2apic(lapic)
    else:
        lapic_reset_registers(lapic)
    return LapicEffect.EVERYTHING


@fn(cold=True)
def lapic_enter_x2apic(lapic: LocalApic) -> None:
    """From xAPIC mode: registers keep their values but for the ID, the LDR and the ICR's high half (section
    11.12.5.1)."""
    registers = lapic.registers
    registers.id = lapic.apic_id
    registers.logical_destination = lapic_x2apic_logical_id(lapic)
    registers.icr_high = 0
    lapic_publish(lapic)
