"""The local APIC in both of its modes, and the interprocessor interrupts that the checks send."""

from __future__ import annotations

from codegen.lang import Hpa, MmioBlock, RegArray, at, fn, mmio, pause, rdmsr, u32, u64, wrmsr
from drivers.interrupt.lapic import LAPIC_BASE, MSR_APIC_BASE, MSR_X2APIC_FIRST, Lapic
from tests.guests.smp.processor import CPU

ID = Lapic.id.offset // 16
TASK_PRIORITY = Lapic.task_priority.offset // 16
EOI = Lapic.eoi.offset // 16
LOGICAL_DESTINATION = Lapic.logical_destination.offset // 16
DESTINATION_FORMAT = Lapic.destination_format.offset // 16
SPURIOUS = Lapic.spurious.offset // 16
ISR, TMR, IRR = Lapic.isr.offset // 16, Lapic.tmr.offset // 16, Lapic.irr.offset // 16
ERROR = Lapic.error.offset // 16
ICR, ICR_HIGH = Lapic.icr_low.offset // 16, Lapic.icr_high.offset // 16
TIMER = Lapic.lvt_timer.offset // 16
LVT_ERROR = Lapic.lvt_error.offset // 16
INITIAL_COUNT, CURRENT_COUNT = Lapic.initial_count.offset // 16, Lapic.current_count.offset // 16
DIVIDE = Lapic.divide.offset // 16
SELF_IPI = Lapic.self_ipi.offset // 16

# What goes into the ICR's low half, beside the vector (SDM vol. 3A, 11.6.1).
FIXED, LOWEST, NMI, INIT, STARTUP = 0x4000, 0x4100, 0x4400, 0x4500, 0x4600
LOGICAL = 1 << 11
PENDING = 1 << 12
LEVEL = 1 << 15
DEASSERT = 0x4000  # to clear
TO_SELF, TO_ALL, TO_OTHERS = 1 << 18, 2 << 18, 3 << 18
EVERYBODY = 0xFFFF_FFFF  # FFH in xAPIC mode

VECTOR_SPURIOUS = 0xFF
SOFTWARE_ENABLE = 1 << 8
DIVIDE_BY_1 = 0xB
MASKED = 1 << 16
ENABLED, X2APIC = 1 << 11, 1 << 10


class Window(MmioBlock, size=0x1000):
    registers: RegArray[u32] = at(0, count=64, stride=16)


@fn
def read_apic(number: u32) -> u32:
    """A register by its offset in the page / 16, of the processor that runs this."""
    if CPU.current.x2apic:
        return u32.trunc(rdmsr(u32(MSR_X2APIC_FIRST) + number))
    return mmio(Window, Hpa(LAPIC_BASE)).registers[number].read()


@fn
def write_apic(number: u32, value: u32) -> None:
    if CPU.current.x2apic:
        wrmsr(u32(MSR_X2APIC_FIRST) + number, u64(value))
    else:
        mmio(Window, Hpa(LAPIC_BASE)).registers[number].write(value)


@fn
def apic_begin() -> None:
    """Software-enabled, the timer divided by 1 and masked."""
    write_apic(u32(SPURIOUS), u32(SOFTWARE_ENABLE | VECTOR_SPURIOUS))
    write_apic(u32(DIVIDE), u32(DIVIDE_BY_1))
    write_apic(u32(TIMER), u32(MASKED))
    write_apic(u32(LVT_ERROR), u32(MASKED))
    write_apic(u32(TASK_PRIORITY), u32(0))


@fn
def end_of_interrupt() -> None:
    write_apic(u32(EOI), u32(0))


@fn
def send(destination: u32, command: u32) -> None:
    """Through the ICR, and until it is idle again; interrupts may be on."""
    if CPU.current.x2apic:
        wrmsr(u32(MSR_X2APIC_FIRST + ICR), u64(destination) << 32 | u64(command))
        return
    window = mmio(Window, Hpa(LAPIC_BASE))
    window.registers[ICR_HIGH].write(destination << 24)
    window.registers[ICR].write(command)
    while window.registers[ICR].read() & PENDING != 0:
        pause()


@fn
def bit_of(bitmap: u32, vector: u32) -> bool:
    """Of ISR, TMR or IRR."""
    return read_apic(bitmap + (vector >> 5)) >> (vector & 31) & 1 != 0


@fn
def enter_x2apic() -> None:
    wrmsr(u32(MSR_APIC_BASE), rdmsr(u32(MSR_APIC_BASE)) | X2APIC)
    CPU.current.x2apic = True


@fn
def leave_x2apic() -> None:
    """Through the disabled state, which is the only way, and which forgets everything."""
    base = rdmsr(u32(MSR_APIC_BASE)) & ~(ENABLED | X2APIC)
    wrmsr(u32(MSR_APIC_BASE), base)
    wrmsr(u32(MSR_APIC_BASE), base | ENABLED)
    CPU.current.x2apic = False
    apic_begin()


@fn
def take_errors() -> u32:
    """ESR: a write shows what has been found since the last one."""
    write_apic(u32(ERROR), u32(0))
    return read_apic(u32(ERROR))
