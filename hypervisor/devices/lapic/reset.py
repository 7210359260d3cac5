"""What a local APIC's registers are after power-up and INIT."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from drivers.interrupt.lapic import LAPIC_BASE, ApicBase
from hypervisor.devices.clock import NEVER
from hypervisor.devices.lapic.local import LVT_RESET
from hypervisor.devices.lapic.posted import discard_posted
from hypervisor.devices.lapic.public import lapic_publish
from hypervisor.devices.lapic.state import LapicMode, LocalApic, lapic_x2apic_logical_id

VERSION = 0x0005_0014  # integrated APIC, six local vectors, no suppression of EOI broadcasts
DESTINATION_FORMAT_RESET = 0xFFFF_FFFF  # flat model
SPURIOUS_RESET = 0xFF  # software-disabled


@fn(cold=True)
def lapic_reset(lapic: LocalApic, apic_id: u32, bootstrap: bool) -> None:
    """After power-up (section 11.4.7.1): xAPIC mode, software-disabled. `bootstrap` sets the BSP flag."""
    lapic.timer_deadline = NEVER
    lapic.zero()
    lapic.apic_id = apic_id
    lapic.base = ApicBase(bootstrap=bootstrap, enabled=True, frame=u64(LAPIC_BASE >> 12))
    lapic.mode = LapicMode.XAPIC
    lapic_reset_registers(lapic)


@fn(cold=True)
def lapic_reset_registers(lapic: LocalApic) -> None:
    """What power-up and INIT (section 11.4.7.3) have in common: all but the APIC ID, the mode and the base."""
    lapic.timer_deadline = NEVER
    lapic.timer_period = 0
    lapic.timer_shift = 1  # a divide configuration of 0 divides by 2
    lapic.tsc_deadline = 0
    lapic.irr_words = 0
    lapic.isr_words = 0
    lapic.pending_errors = 0
    registers = lapic.registers
    registers.zero()
    registers.version = VERSION
    registers.destination_format = DESTINATION_FORMAT_RESET
    registers.spurious = SPURIOUS_RESET
    registers.lvt_timer = LVT_RESET
    registers.lvt_thermal = LVT_RESET
    registers.lvt_performance = LVT_RESET
    registers.lvt_lint0 = LVT_RESET
    registers.lvt_lint1 = LVT_RESET
    registers.lvt_error = LVT_RESET
    if lapic.mode == LapicMode.X2APIC:
        registers.id = lapic.apic_id
        registers.logical_destination = lapic_x2apic_logical_id(lapic)
    else:
        registers.id = lapic.apic_id << 24
    lapic_publish(lapic)
    # Behind that: nobody who looks now sends more than such an APIC takes.
    discard_posted(lapic.posted)


@fn(cold=True)
def lapic_enter_virtual_wire(lapic: LocalApic) -> None:
    """As firmware leaves the bootstrap processor (MP specification 1.4, 3.6.2.2): enabled, the PIC through LINT0, NMI
    at LINT1."""
    registers = lapic.registers
    registers.spurious = 0x1FF
    registers.lvt_lint0 = 0x700
    registers.lvt_lint1 = 0x400
    lapic_publish(lapic)
