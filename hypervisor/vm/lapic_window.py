"""A vCPU's own local APIC, through its page, its MSRs and CR8."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.interrupt.lapic import Lapic
from hypervisor.devices.lapic import registers
from hypervisor.devices.lapic.mmio import lapic_mmio_read, lapic_mmio_write
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.lapic_effects import apply_effect
from hypervisor.vm.timers import vm_now

CURRENT_COUNT = Lapic.current_count.offset


@fn
def lapic_window_read(vcpu: Vcpu, offset: u32, width: u32) -> u32:
    """A read of the page at FEE00000h."""
    now = vm_now(vcpu.vm) if offset & ~0xF == CURRENT_COUNT else u64(0)  # the one register that depends on time
    return lapic_mmio_read(vcpu.lapic, offset, width, now)


@fn
def lapic_window_write(vcpu: Vcpu, offset: u32, width: u32, value: u32) -> None:
    """A write, with all that follows from it outside the chip."""
    apply_effect(vcpu, lapic_mmio_write(vcpu.lapic, offset, width, value, vm_now(vcpu.vm)))


@fn
def read_task_priority(vcpu: Vcpu) -> u64:
    """CR8: bits 7:4 of the task priority (SDM vol. 3A, 11.8.6.1)."""
    return u64(vcpu.lapic.registers.task_priority >> 4) & 0xF


@fn
def write_task_priority(vcpu: Vcpu, value: u64) -> None:
    """Set CR8, at most 15: interrupts that had to wait may become deliverable."""
    apply_effect(vcpu, registers.write_task_priority(vcpu.lapic, u32.trunc(value & 0xF) << 4, u64(0)))
