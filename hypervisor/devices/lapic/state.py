"""The state of a local APIC, embedded in the vCPU."""

from __future__ import annotations

from codegen.lang import Array, Atomic, BitStruct, Field, HwEnum, Struct, at, bit, bits, fn, overlay, u8, u32, u64
from drivers.interrupt.lapic import ApicBase, InterruptCommand, Lapic
from hypervisor.devices.lapic.posted import PostedMessages


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
    REACHABLE = 8  # messages may reach it that could not before; an interrupt may have become deliverable


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


class PublicState(BitStruct, repr=u64):
    """What senders must know of a local APIC, as one word that they can read at any moment."""

    apic_id: u32 = bits(0, 31)
    logical_id: u8 = bits(32, 39)  # of xAPIC mode: LDR, bits 31:24
    format: u8 = bits(40, 43)  # DFR, bits 31:28
    enabled: bool = bit(48)  # not in mode DISABLED
    x2apic: bool = bit(49)
    accepts_fixed: bool = bit(50)  # software-enabled
    takes_extint: bool = bit(51)  # the PIC's output reaches the processor
    hears_lint0: bool = bit(52)  # a rise of LINT0 means something else: it is not masked, and not ExtINT


class LocalApic(Struct, align=64):
    """One local APIC. It belongs to the processor that runs its vCPU, but for what `posted` and `public` say."""

    posted: PostedMessages  # what others have sent
    public: Atomic[u64]  # PublicState, for others to read: `lapic_publish` (published.py)
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


@fn
def lapic_window(lapic: LocalApic) -> LapicWindow:
    """The registers by number."""
    return overlay(LapicWindow, lapic.registers)


@fn
def lapic_x2apic_logical_id(lapic: LocalApic) -> u32:
    """LDR in x2APIC mode: read-only, derived from the ID (section 11.12.10.2), 16 processors a cluster."""
    return (lapic.apic_id >> 4) << 16 | u32(1) << (lapic.apic_id & 15)
