"""Registers of the local APIC (SDM vol. 3A, ch. 11): one 32-bit register every 16 bytes, or one MSR each from 800H."""

from __future__ import annotations

from codegen.lang import RO, WO, BitStruct, HwEnum, MmioBlock, Reg, RegArray, at, bit, bits, u8, u32, u64

LAPIC_BASE = 0xFEE0_0000
MSR_APIC_BASE = 0x1B
MSR_TSC_DEADLINE = 0x6E0
MSR_X2APIC_FIRST = 0x800  # MSR = 800H + MMIO offset / 16
MSR_X2APIC_LAST = 0x8FF


class DeliveryMode(HwEnum, repr=u32):
    """What a message or a local vector table entry does to the processor (section 11.5.1, 11.6.1)."""

    FIXED = 0
    LOWEST_PRIORITY = 1
    SMI = 2
    RESERVED = 3
    NMI = 4
    INIT = 5
    STARTUP = 6
    EXTINT = 7


class Shorthand(HwEnum, repr=u32):
    """Destination shorthand of the ICR (section 11.6.1)."""

    NONE = 0
    SELF = 1
    ALL = 2
    OTHERS = 3


class TimerMode(HwEnum, repr=u32):
    """Local vector table, timer entry, bits 17 and 18 (section 11.5.1)."""

    ONE_SHOT = 0
    PERIODIC = 1
    TSC_DEADLINE = 2
    RESERVED = 3


class ApicBase(BitStruct, repr=u64):
    """IA32_APIC_BASE, MSR 1BH (section 11.4.4)."""

    bootstrap: bool = bit(8)
    x2apic: bool = bit(10)
    enabled: bool = bit(11)
    frame: u64 = bits(12, 51)


class SpuriousVector(BitStruct, repr=u32):
    """SVR (section 11.9)."""

    vector: u8 = bits(0, 7)
    enabled: bool = bit(8)  # software enable
    suppress_eoi_broadcast: bool = bit(12)


class LocalVector(BitStruct, repr=u32):
    """One local vector table entry (section 11.5.1); `mode` is of the timer, the pin bits are of LINT0 and LINT1."""

    vector: u8 = bits(0, 7)
    delivery: DeliveryMode = bits(8, 10)
    pending: bool = bit(12)
    active_low: bool = bit(13)
    remote_irr: bool = bit(14)
    level: bool = bit(15)
    masked: bool = bit(16)
    mode: TimerMode = bits(17, 18)


class InterruptCommand(BitStruct, repr=u64):
    """The ICR as x2APIC mode has it, 32-bit destination (section 11.12.9); xAPIC mode has the destination in 63:56."""

    vector: u8 = bits(0, 7)
    delivery: DeliveryMode = bits(8, 10)
    logical: bool = bit(11)
    pending: bool = bit(12)
    assert_level: bool = bit(14)
    level: bool = bit(15)
    shorthand: Shorthand = bits(18, 19)
    destination: u32 = bits(32, 63)


class ApicError(BitStruct, repr=u32):
    """ESR (section 11.5.3)."""

    redirectable_ipi: bool = bit(4)
    send_illegal_vector: bool = bit(5)
    receive_illegal_vector: bool = bit(6)
    illegal_register: bool = bit(7)


class Lapic(MmioBlock, size=0x1000):
    """The register page (table 11-1). Only aligned 32-bit accesses are architectural."""

    id: Reg[u32] = at(0x020)  # APIC ID in bits 31:24; all 32 bits in x2APIC mode
    version: Reg[u32] = at(0x030, access=RO)
    task_priority: Reg[u32] = at(0x080)
    arbitration_priority: Reg[u32] = at(0x090, access=RO)
    processor_priority: Reg[u32] = at(0x0A0, access=RO)
    eoi: Reg[u32] = at(0x0B0, access=WO)
    logical_destination: Reg[u32] = at(0x0D0)
    destination_format: Reg[u32] = at(0x0E0)
    spurious: Reg[SpuriousVector] = at(0x0F0)
    isr: RegArray[u32] = at(0x100, count=8, stride=16, access=RO)
    tmr: RegArray[u32] = at(0x180, count=8, stride=16, access=RO)
    irr: RegArray[u32] = at(0x200, count=8, stride=16, access=RO)
    error: Reg[ApicError] = at(0x280)
    lvt_cmci: Reg[LocalVector] = at(0x2F0)
    icr_low: Reg[u32] = at(0x300)
    icr_high: Reg[u32] = at(0x310)
    lvt_timer: Reg[LocalVector] = at(0x320)
    lvt_thermal: Reg[LocalVector] = at(0x330)
    lvt_performance: Reg[LocalVector] = at(0x340)
    lvt_lint0: Reg[LocalVector] = at(0x350)
    lvt_lint1: Reg[LocalVector] = at(0x360)
    lvt_error: Reg[LocalVector] = at(0x370)
    initial_count: Reg[u32] = at(0x380)
    current_count: Reg[u32] = at(0x390, access=RO)
    divide: Reg[u32] = at(0x3E0)
    self_ipi: Reg[u32] = at(0x3F0, access=WO)  # x2APIC mode only
