"""The local APIC's MSRs: its base, and its registers in x2APIC mode."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.devices.lapic.base import lapic_base_read, lapic_base_write
from hypervisor.devices.lapic.msr import lapic_msr_read, lapic_msr_write
from hypervisor.devices.lapic.state import LapicEffect
from hypervisor.exits.msr.policy import msr
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.lapic_effects import apply_effect
from hypervisor.vm.timers import vm_now

APIC_BASE, X2APIC_FIRST, X2APIC_COUNT = 0x1B, 0x800, 0x40


@fn
def read_apic_base(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_APIC_BASE."""
    return lapic_base_read(vcpu.lapic)


@fn
def write_apic_base(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Mode changes that the SDM does not allow are #GP."""
    return finish(vcpu, lapic_base_write(vcpu.lapic, value))


@fn
def write_x2apic(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """A register of the x2APIC; #GP outside x2APIC mode."""
    return finish(vcpu, lapic_msr_write(vcpu.lapic, number - X2APIC_FIRST, value, vm_now(vcpu.vm)))


@fn
def finish(vcpu: Vcpu, effect: LapicEffect) -> bool:
    """Carry out what a write means outside the chip; False when the chip refused it."""
    if effect == LapicEffect.REFUSED:
        return False
    apply_effect(vcpu, effect)
    return True


@fn
def read_x2apic(vcpu: Vcpu, number: u32) -> u64 | None:
    """A register of the x2APIC; #GP outside x2APIC mode."""
    return lapic_msr_read(vcpu.lapic, number - X2APIC_FIRST, vm_now(vcpu.vm))


msr(APIC_BASE, read_apic_base, write_apic_base)
msr(X2APIC_FIRST, read_x2apic, write_x2apic, count=X2APIC_COUNT)
