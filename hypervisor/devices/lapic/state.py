"""The state of a local APIC, embedded in the vCPU, and what its registers are after power-up and INIT."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Struct, at, fn, overlay, u32, u64
from drivers.interrupt.lapic import LAPIC_BASE, ApicBase, InterruptCommand, Lapic
from hypervisor.devices.clock import NEVER

VERSION = 0x0005_0014  # integrated APIC, six local vectors, no suppression of EOI broadcasts
LVT_RESET = 1 << 16  # masked
DESTINATION_FORMAT_RESET = 0xFFFF_FFFF  # flat model
FRAME_MASK = 0xFFFF_FFFF_FFFF_F000
SPURIOUS_RESET = 0xFF  # software-disabled


class LapicMode(HwEnum, repr=u32):
    """Table 11-5 of the SDM."""

    DISABLED = 0
    XAPIC = 1
    X2APIC = 2


class LapicEffect(HwEnum, repr=u32, must_use=True):
    """What an access or an event means outside the chip."""

    NONE = 0
    INTERRUPT = 1  # an interrupt may have become deliverable
    TIMER = 2  # `lapic.timer_deadline` has changed
    EVERYTHING = 3  # both
    END_OF_INTERRUPT = (
        4  # of the level-triggered `lapic.eoi_vector`: tell the I/O APIC; an interrupt may be deliverable too
    )
    COMMAND = 5  # send `lapic.command`
    NMI = 6  # to this processor
    REFUSED = 7  # #GP(0)


class VectorBitmap(Struct, size=32):
    """A bit for each vector."""

    words: Array[u32] = at(0, count=8)


class LapicRegisters(Struct, size=256):
    """The registers, each at a quarter of its offset in the page, in the format of the present mode."""

    id: Field[u32] = at(Lapic.id.offset // 4)
    version: Field[u32] = at(Lapic.version.offset // 4)
    task_priority: Field[u32] = at(Lapic.task_priority.offset // 4)
    processor_priority: Field[u32] = at(Lapic.processor_priority.offset // 4)
    logical_destination: Field[u32] = at(Lapic.logical_destination.offset // 4)
    destination_format: Field[u32] = at(Lapic.destination_format.offset // 4)
    spurious: Field[u32] = at(Lapic.spurious.offset // 4)
    isr: VectorBitmap = at(Lapic.isr.offset // 4)
    tmr: VectorBitmap = at(Lapic.tmr.offset // 4)
    irr: VectorBitmap = at(Lapic.irr.offset // 4)
    error: Field[u32] = at(Lapic.error.offset // 4)
    icr_low: Field[u32] = at(Lapic.icr_low.offset // 4)
    icr_high: Field[u32] = at(Lapic.icr_high.offset // 4)
    lvt_timer: Field[u32] = at(Lapic.lvt_timer.offset // 4)
    lvt_thermal: Field[u32] = at(Lapic.lvt_thermal.offset // 4)
    lvt_performance: Field[u32] = at(Lapic.lvt_performance.offset // 4)
    lvt_lint0: Field[u32] = at(Lapic.lvt_lint0.offset // 4)
    lvt_lint1: Field[u32] = at(Lapic.lvt_lint1.offset // 4)
    lvt_error: Field[u32] = at(Lapic.lvt_error.offset // 4)
    initial_count: Field[u32] = at(Lapic.initial_count.offset // 4)
    divide: Field[u32] = at(Lapic.divide.offset // 4)


class LapicWindow(Struct, size=256):
    """The same bytes by number: offset in the page / 16, or x2APIC MSR - 800H."""

    registers: Array[u32] = at(0, count=64)


class LocalApic(Struct, align=8):
    """One local APIC. A VM's chips are used by one processor at a time."""

    registers: LapicRegisters
    mode: Field[LapicMode]
    apic_id: Field[u32]  # x2APIC ID; the xAPIC ID is its low byte
    base: Field[ApicBase]
    irr_words: Field[u32]  # bit n: irr[n] is not 0
    isr_words: Field[u32]
    pending_errors: Field[u32]  # ApicError bits that the next write to ESR shows
    eoi_vector: Field[u32]
    command: Field[
        InterruptCommand
    ]  # the message of the last ICR write: destination 32 bits wide, FFFFFFFFH is broadcast
    timer_deadline: Field[u64]  # ns of the VM's clock, or NEVER
    timer_period: Field[u64]  # ns; 0 unless periodic
    timer_shift: Field[u32]  # log2 of the divisor
    tsc_deadline: Field[u64]  # IA32_TSC_DEADLINE: guest TSC, 0 when not armed
    init_pending: Field[bool]  # asked for by another processor, in this order: `hypervisor/vm/startup.py` does it
    startup_pending: Field[bool]
    startup_vector: Field[u32]  # start at this page


@fn
def lapic_window(lapic: LocalApic) -> LapicWindow:
    """The registers by number."""
    return overlay(LapicWindow, lapic.registers)


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


@fn
def lapic_x2apic_logical_id(lapic: LocalApic) -> u32:
    """LDR in x2APIC mode: read-only, derived from the ID (section 11.12.10.2), 16 processors a cluster."""
    return (lapic.apic_id >> 4) << 16 | u32(1) << (lapic.apic_id & 15)


@fn(cold=True)
def lapic_enter_virtual_wire(lapic: LocalApic) -> None:
    """As firmware leaves the bootstrap processor (MP specification 1.4, 3.6.2.2): enabled, the PIC through LINT0, NMI
    at LINT1."""
    registers = lapic.registers
    registers.spurious = 0x1FF
    registers.lvt_lint0 = 0x700
    registers.lvt_lint1 = 0x400
