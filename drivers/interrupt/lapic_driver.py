"""The driver of this processor's own local APIC, in xAPIC mode (registers in memory) or x2APIC mode (MSRs)."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Reg, RegArray, Struct, fn, mfence, mmio, rdmsr, storage, u8, u32, u64, wrmsr
from drivers.interrupt.lapic import (
    MSR_APIC_BASE,
    MSR_TSC_DEADLINE,
    MSR_X2APIC_FIRST,
    ApicBase,
    DeliveryMode,
    Lapic,
    LocalVector,
    SpuriousVector,
    TimerMode,
)

DIVIDE_BY_1 = 0xB


def msr_of(register: Reg[u32] | Reg[LocalVector] | Reg[SpuriousVector] | RegArray[u32]) -> int:
    """The MSR that is this register in x2APIC mode (SDM vol. 3A, 11.12.1.2)."""
    return MSR_X2APIC_FIRST + register.offset // 16


MSR_ID = msr_of(Lapic.id)
MSR_TASK_PRIORITY = msr_of(Lapic.task_priority)
MSR_EOI = msr_of(Lapic.eoi)
MSR_SPURIOUS = msr_of(Lapic.spurious)
MSR_ISR = msr_of(Lapic.isr)
MSR_LVT_TIMER = msr_of(Lapic.lvt_timer)
MSR_LVT_LINT0 = msr_of(Lapic.lvt_lint0)
MSR_LVT_LINT1 = msr_of(Lapic.lvt_lint1)
MSR_INITIAL_COUNT = msr_of(Lapic.initial_count)
MSR_CURRENT_COUNT = msr_of(Lapic.current_count)
MSR_DIVIDE = msr_of(Lapic.divide)

MASKED = LocalVector(masked=True)


class HostApic(Struct):
    """How to reach the local APIC: the same on every processor."""

    base: Field[Hpa]
    x2apic: Field[bool]


APIC = storage(HostApic)


@fn
def registers_page() -> Lapic:
    """The register page, in xAPIC mode."""
    return mmio(Lapic, APIC.base)


@fn(cold=True)
def lapic_base() -> Hpa:
    """Where the register page lies: to be mapped before `lapic_start`."""
    return Hpa(ApicBase.of(rdmsr(u32(MSR_APIC_BASE))).frame << 12)


@fn(cold=True)
def lapic_start(use_x2apic: bool, spurious_vector: u8) -> None:
    """Enable this processor's local APIC with every local interrupt masked but NMI on LINT1."""
    state = ApicBase.of(rdmsr(u32(MSR_APIC_BASE)))
    APIC.base = Hpa(state.frame << 12)
    # Firmware may have chosen x2APIC mode already. The way back leads through "disabled", which Bochs never leaves.
    APIC.x2apic = use_x2apic or state.x2apic
    if APIC.x2apic and not state.x2apic:
        wrmsr(u32(MSR_APIC_BASE), u64(state.replace(enabled=True, x2apic=True)))
    elif not state.enabled:
        wrmsr(u32(MSR_APIC_BASE), u64(state.replace(enabled=True)))
    spurious = SpuriousVector(vector=spurious_vector, enabled=True)
    lint1 = LocalVector(delivery=DeliveryMode.NMI)
    if APIC.x2apic:
        wrmsr(u32(MSR_TASK_PRIORITY), u64(0))
        wrmsr(u32(MSR_LVT_TIMER), u64(u32(MASKED)))
        wrmsr(u32(MSR_LVT_LINT0), u64(u32(MASKED)))
        wrmsr(u32(MSR_LVT_LINT1), u64(u32(lint1)))
        wrmsr(u32(MSR_SPURIOUS), u64(u32(spurious)))
    else:
        page = registers_page()
        page.task_priority.write(0)
        page.lvt_timer.write(MASKED)
        page.lvt_lint0.write(MASKED)
        page.lvt_lint1.write(lint1)
        page.spurious.write(spurious)


@fn
def lapic_id() -> u32:
    """This processor's APIC ID."""
    if APIC.x2apic:
        return u32.trunc(rdmsr(u32(MSR_ID)))
    return registers_page().id.read() >> 24


@fn
def lapic_eoi() -> None:
    """End of the interrupt in service with the highest priority."""
    if APIC.x2apic:
        wrmsr(u32(MSR_EOI), u64(0))
    else:
        registers_page().eoi.write(0)


@fn
def lapic_in_service(vector: u32) -> bool:
    """Whether the APIC waits for an EOI of this vector (0 to 255): a spurious interrupt gets none."""
    word = u32(0)
    index = (vector >> 5) & 7
    if APIC.x2apic:
        word = u32.trunc(rdmsr(u32(MSR_ISR) + index))
    else:
        word = registers_page().isr[index].read()
    return (word >> (vector & 31)) & 1 != 0


# ---- its timer ----


@fn(cold=True)
def lapic_timer_start(vector: u8, tsc_deadline: bool) -> None:
    """One interrupt per `lapic_timer_arm...`; nothing runs yet."""
    mode = TimerMode.TSC_DEADLINE if tsc_deadline else TimerMode.ONE_SHOT
    entry = LocalVector(vector=vector, mode=mode)
    if APIC.x2apic:
        wrmsr(u32(MSR_DIVIDE), u64(DIVIDE_BY_1))
        wrmsr(u32(MSR_LVT_TIMER), u64(u32(entry)))
    else:
        page = registers_page()
        page.divide.write(DIVIDE_BY_1)
        page.lvt_timer.write(entry)
        mfence()  # before the first write of the deadline MSR (SDM vol. 3A, 11.5.4.1)


@fn
def lapic_timer_arm_deadline(tsc: u64) -> None:
    """TSC-deadline mode: interrupt when the TSC reaches `tsc`; 0 disarms."""
    wrmsr(u32(MSR_TSC_DEADLINE), tsc)


@fn
def lapic_timer_arm_count(ticks: u32) -> None:
    """One-shot mode: interrupt after `ticks` of the timer's clock; 0 disarms."""
    if APIC.x2apic:
        wrmsr(u32(MSR_INITIAL_COUNT), u64(ticks))
    else:
        registers_page().initial_count.write(ticks)


@fn
def lapic_timer_count() -> u32:
    """One-shot mode: ticks that are left."""
    if APIC.x2apic:
        return u32.trunc(rdmsr(u32(MSR_CURRENT_COUNT)))
    return registers_page().current_count.read()
