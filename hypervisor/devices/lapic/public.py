"""What other processors may know of a local APIC: where messages find it, and what it accepts."""

from __future__ import annotations

from codegen.lang import fn, u8, u64
from drivers.interrupt.lapic import LocalVector
from hypervisor.devices.lapic.local import lapic_takes_extint
from hypervisor.devices.lapic.priority import lapic_accepts_fixed
from hypervisor.devices.lapic.state import LapicMode, LocalApic, PublicState


@fn
def lapic_public(lapic: LocalApic) -> PublicState:
    """The word as the registers have it, for their owner."""
    registers = lapic.registers
    x2apic = lapic.mode == LapicMode.X2APIC
    extint = lapic_takes_extint(lapic)
    return PublicState(
        apic_id=lapic.apic_id,
        logical_id=u8(0) if x2apic else u8.trunc(registers.logical_destination >> 24),
        format=u8.trunc(registers.destination_format >> 28),
        enabled=lapic.mode != LapicMode.DISABLED,
        x2apic=x2apic,
        accepts_fixed=lapic_accepts_fixed(lapic),
        takes_extint=extint,
        hears_lint0=not extint and not LocalVector.of(registers.lvt_lint0).masked,
    )


@fn(noinline=True)
def lapic_publish(lapic: LocalApic) -> None:
    """After any change of what is in the word: the mode, the ID, LDR, DFR, SVR, the local vector of LINT0."""
    lapic.public.store(u64(lapic_public(lapic)))


@fn
def lapic_seen(lapic: LocalApic) -> PublicState:
    """What any processor sees of it at this moment."""
    return PublicState.of(lapic.public.load())
