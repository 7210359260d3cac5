"""The registers by number, the same for both modes: which exist, which bits can be written, and what a write does."""

from __future__ import annotations

from codegen.lang import fn, fn_table, table, u32, u64
from drivers.interrupt.lapic import Lapic
from hypervisor.devices.lapic.command import lapic_write_icr_high, lapic_write_icr_low, lapic_write_self_ipi
from hypervisor.devices.lapic.local import ILLEGAL_REGISTER, LVT_RESET, lapic_report_error
from hypervisor.devices.lapic.priority import SOFTWARE_ENABLE, lapic_end_of_interrupt, lapic_set_task_priority
from hypervisor.devices.lapic.public import lapic_publish
from hypervisor.devices.lapic.state import LapicEffect, LocalApic, lapic_window
from hypervisor.devices.lapic.timer import (
    lapic_current_count,
    lapic_write_divide,
    lapic_write_initial_count,
    lapic_write_timer_vector,
)

REGISTERS = 64
CURRENT_COUNT = Lapic.current_count.offset >> 4
LVT_PIN_BITS = 0x1_A7FF  # vector, delivery mode, polarity, trigger mode, mask
LVT_BITS = 0x1_07FF  # vector, delivery mode, mask
DELIVERY_STATUS = 1 << 12  # of every local vector, read-only
REMOTE_IRR = 1 << 14  # of the pins, read-only


def number_of(offset: int) -> int:
    """Register number of an offset in the page: its MSR less 800H."""
    return offset >> 4


def mask_of(offsets: list[int]) -> int:
    """The registers at `offsets` as a bit mask by number."""
    return sum(1 << number_of(offset) for offset in offsets)


BITMAPS = [start + 16 * i for start in (Lapic.isr.offset, Lapic.tmr.offset, Lapic.irr.offset) for i in range(8)]

READABLE_X2APIC = mask_of(
    [
        *BITMAPS,
        Lapic.id.offset,
        Lapic.version.offset,
        Lapic.task_priority.offset,
        Lapic.processor_priority.offset,
        Lapic.logical_destination.offset,
        Lapic.spurious.offset,
        Lapic.error.offset,
        Lapic.icr_low.offset,
        Lapic.lvt_timer.offset,
        Lapic.lvt_thermal.offset,
        Lapic.lvt_performance.offset,
        Lapic.lvt_lint0.offset,
        Lapic.lvt_lint1.offset,
        Lapic.lvt_error.offset,
        Lapic.initial_count.offset,
        Lapic.current_count.offset,
        Lapic.divide.offset,
    ]
)
READABLE_XAPIC = READABLE_X2APIC | mask_of(
    [Lapic.arbitration_priority.offset, Lapic.destination_format.offset, Lapic.icr_high.offset]
)


@fn
def lapic_read_register(lapic: LocalApic, number: u32, now: u64) -> u32:
    """A register that exists; `number` is below 64."""
    if number == CURRENT_COUNT:
        return lapic_current_count(lapic, now)
    return lapic_window(lapic).registers[number & 63]


@fn(cold=True)
def write_reserved(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """No such register, or a read-only one."""
    return lapic_report_error(lapic, u32(ILLEGAL_REGISTER))


@fn
def ignore_write(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """Registers that processors let software write to no effect, or do not let it write without complaint."""
    return LapicEffect.NONE


@fn
def write_task_priority(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """TPR."""
    return lapic_set_task_priority(lapic, value)


@fn
def write_eoi(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """Any value ends the interrupt."""
    return lapic_end_of_interrupt(lapic)


@fn
def write_logical_destination(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LDR, xAPIC mode only."""
    lapic.registers.logical_destination = value
    lapic_publish(lapic)
    return LapicEffect.REACHABLE


@fn
def write_destination_format(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """DFR: the low 28 bits read as ones (section 11.6.2.2)."""
    lapic.registers.destination_format = value | 0x0FFF_FFFF
    lapic_publish(lapic)
    return LapicEffect.REACHABLE


@fn
def write_spurious(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """SVR. Software disable masks every local vector and keeps what is in IRR and ISR (section 11.4.7.2)."""
    registers = lapic.registers
    registers.spurious = value
    if value & SOFTWARE_ENABLE == 0:
        registers.lvt_timer = registers.lvt_timer | LVT_RESET
        registers.lvt_thermal = registers.lvt_thermal | LVT_RESET
        registers.lvt_performance = registers.lvt_performance | LVT_RESET
        registers.lvt_lint0 = registers.lvt_lint0 | LVT_RESET
        registers.lvt_lint1 = registers.lvt_lint1 | LVT_RESET
        registers.lvt_error = registers.lvt_error | LVT_RESET
    lapic_publish(lapic)
    return LapicEffect.REACHABLE


@fn
def write_error(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """A write shows the errors since the last write (section 11.5.3)."""
    lapic.registers.error = lapic.pending_errors
    lapic.pending_errors = 0
    return LapicEffect.NONE


@fn
def local_vector(lapic: LocalApic, value: u32) -> u32:
    """A local vector as it is kept: masked for as long as the APIC is software-disabled."""
    return value if lapic.registers.spurious & SOFTWARE_ENABLE != 0 else value | LVT_RESET


@fn
def write_lvt_timer(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LVT timer."""
    return lapic_write_timer_vector(lapic, local_vector(lapic, value), now)


@fn
def write_lvt_thermal(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LVT thermal sensor: there is none."""
    lapic.registers.lvt_thermal = local_vector(lapic, value)
    return LapicEffect.NONE


@fn
def write_lvt_performance(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LVT performance counters: there are none."""
    lapic.registers.lvt_performance = local_vector(lapic, value)
    return LapicEffect.NONE


@fn
def write_lvt_lint0(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LVT LINT0: the PIC may now reach the processor."""
    lapic.registers.lvt_lint0 = local_vector(lapic, value)
    lapic_publish(lapic)
    return LapicEffect.INTERRUPT


@fn
def write_lvt_lint1(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LVT LINT1: nothing is wired to it."""
    lapic.registers.lvt_lint1 = local_vector(lapic, value)
    return LapicEffect.NONE


@fn
def write_lvt_error(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """LVT error."""
    lapic.registers.lvt_error = local_vector(lapic, value)
    return LapicEffect.NONE


# What can be written: effect, and the bits that are not reserved.
WRITES = {
    Lapic.id.offset: (ignore_write, 0xFF00_0000),
    Lapic.task_priority.offset: (write_task_priority, 0xFF),
    Lapic.eoi.offset: (write_eoi, 0),
    Lapic.logical_destination.offset: (write_logical_destination, 0xFF00_0000),
    Lapic.destination_format.offset: (write_destination_format, 0xF000_0000),
    Lapic.spurious.offset: (write_spurious, 0x1FF),
    Lapic.error.offset: (write_error, 0),
    Lapic.icr_low.offset: (lapic_write_icr_low, 0xC_CFFF),
    Lapic.icr_high.offset: (lapic_write_icr_high, 0xFF00_0000),
    Lapic.lvt_timer.offset: (write_lvt_timer, 0x7_00FF),
    Lapic.lvt_thermal.offset: (write_lvt_thermal, LVT_BITS),
    Lapic.lvt_performance.offset: (write_lvt_performance, LVT_BITS),
    Lapic.lvt_lint0.offset: (write_lvt_lint0, LVT_PIN_BITS),
    Lapic.lvt_lint1.offset: (write_lvt_lint1, LVT_PIN_BITS),
    Lapic.lvt_error.offset: (write_lvt_error, 0x1_00FF),
    Lapic.initial_count.offset: (lapic_write_initial_count, 0xFFFF_FFFF),
    Lapic.divide.offset: (lapic_write_divide, 0xB),
    Lapic.self_ipi.offset: (lapic_write_self_ipi, 0xFF),
}
WRITERS = fn_table(
    {number_of(offset): writer for offset, (writer, _) in WRITES.items()}, default=write_reserved, size=REGISTERS
)
READ_ONLY = {
    Lapic.lvt_timer.offset: DELIVERY_STATUS,
    Lapic.lvt_thermal.offset: DELIVERY_STATUS,
    Lapic.lvt_performance.offset: DELIVERY_STATUS,
    Lapic.lvt_lint0.offset: DELIVERY_STATUS | REMOTE_IRR,
    Lapic.lvt_lint1.offset: DELIVERY_STATUS | REMOTE_IRR,
    Lapic.lvt_error.offset: DELIVERY_STATUS,
}
# Bits that a write may set to no effect: Linux does, when it restarts the machine. Other bits are reserved.
READ_ONLY_BITS = table(u32, [READ_ONLY.get(number << 4, 0) for number in range(REGISTERS)])
WRITABLE_BITS = table(u32, [WRITES.get(number << 4, (None, 0))[1] for number in range(REGISTERS)])

WRITABLE_XAPIC = mask_of([offset for offset in WRITES if offset != Lapic.self_ipi.offset])
# The ICR is one 64-bit MSR; ID and LDR are read-only; DFR does not exist (table 11-6).
WRITABLE_X2APIC = mask_of(
    [
        offset
        for offset in WRITES
        if offset
        not in (
            Lapic.id.offset,
            Lapic.logical_destination.offset,
            Lapic.destination_format.offset,
            Lapic.icr_low.offset,
            Lapic.icr_high.offset,
        )
    ]
)
