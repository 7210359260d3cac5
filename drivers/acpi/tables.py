"""Layouts of the ACPI tables that we read (ACPI 6.5, chapter 5). Firmware tables have no alignment."""

from __future__ import annotations

from codegen.lang import Array, BitStruct, Field, HwEnum, Struct, at, bit, bits, u8, u16, u32, u64


class Rsdp(Struct, size=36, align=1):
    """Root system description pointer (5.2.5.3); the part from `length` on exists from revision 2."""

    signature: Array[u8] = at(0, count=8)
    checksum: Field[u8] = at(8)
    revision: Field[u8] = at(15)
    rsdt: Field[u32] = at(16)
    length: Field[u32] = at(20)
    xsdt: Field[u64] = at(24)


RSDP_V1_BYTES = 20


class TableHeader(Struct, size=36, align=1):
    """The beginning of every table (5.2.6)."""

    signature: Array[u8] = at(0, count=4)
    length: Field[u32] = at(4)  # bytes, header included
    revision: Field[u8] = at(8)


class AddressSpace(HwEnum, repr=u8):
    """Of a generic address (5.2.3.2)."""

    MEMORY = 0
    PORT = 1


class GenericAddress(Struct, size=12, align=1):
    """Where a register is."""

    space: Field[u8] = at(0)
    bit_width: Field[u8] = at(1)
    address: Field[u64] = at(4)


class MadtHeader(Struct, size=44, align=1):
    """Multiple APIC description table (5.2.12): entries follow."""

    lapic_base: Field[u32] = at(36)
    flags: Field[u32] = at(40)


class MadtEntryType(HwEnum, repr=u8):
    """The entries that we know; others are skipped by their length."""

    LOCAL_APIC = 0
    IO_APIC = 1
    INTERRUPT_OVERRIDE = 2
    LOCAL_APIC_ADDRESS = 5
    LOCAL_X2APIC = 9


class MadtEntry(Struct, size=2, align=1):
    """The beginning of each entry."""

    type: Field[u8] = at(0)
    length: Field[u8] = at(1)


class MadtLocalApic(Struct, size=8, align=1):
    """5.2.12.2."""

    apic_id: Field[u8] = at(3)
    flags: Field[u32] = at(4)  # bit 0: enabled


class MadtIoApic(Struct, size=12, align=1):
    """5.2.12.3."""

    id: Field[u8] = at(2)
    address: Field[u32] = at(4)
    first_gsi: Field[u32] = at(8)


class InterruptFlags(BitStruct, repr=u16):
    """MPS INTI flags (table 5.26): 0 is the bus's own, 1 high or edge, 3 low or level."""

    polarity: u8 = bits(0, 1)
    trigger: u8 = bits(2, 3)


class MadtInterruptOverride(Struct, size=10, align=1):
    """5.2.12.5: this ISA interrupt is another global one."""

    source: Field[u8] = at(3)
    gsi: Field[u32] = at(4)
    flags: Field[InterruptFlags] = at(8)


class MadtLocalX2Apic(Struct, size=16, align=1):
    """5.2.12.12."""

    apic_id: Field[u32] = at(4)
    flags: Field[u32] = at(8)


class FadtFlags(BitStruct, repr=u32):
    """The fixed feature flags that we read (table 5.10)."""

    timer_32_bits: bool = bit(8)
    reset_register: bool = bit(10)
    hardware_reduced: bool = bit(20)


class Fadt(Struct, size=116, align=1):
    """Fixed ACPI description table (5.2.9), up to revision 1's end: later fields are viewed where they fit."""

    dsdt: Field[u32] = at(40)
    sci_interrupt: Field[u16] = at(46)
    pm1a_event: Field[u32] = at(56)
    pm1a_control: Field[u32] = at(64)
    pm_timer: Field[u32] = at(76)
    pm_timer_length: Field[u8] = at(91)
    flags: Field[FadtFlags] = at(112)


class FadtReset(Struct, size=129, align=1):
    """The same table, up to its reset register."""

    reset: GenericAddress = at(116)
    reset_value: Field[u8] = at(128)


class FadtExtendedTimer(Struct, size=220, align=1):
    """The same table, up to X_PM_TMR_BLK."""

    pm_timer: GenericAddress = at(208)


class HpetTable(Struct, size=56, align=1):
    """IA-PC HPET specification 1.0a, 3.2.4."""

    address: GenericAddress = at(40)
    minimum_tick: Field[u16] = at(53)


class McfgEntry(Struct, size=16, align=1):
    """Where configuration space lies in memory, one for each host bridge with buses of its own (PCI Firmware
    Specification 3.3, table 4-3). The entries stand behind 44 bytes of header."""

    base: Field[u64] = at(0)  # of bus 0, also where `first_bus` is another
    segment: Field[u16] = at(8)
    first_bus: Field[u8] = at(10)
    last_bus: Field[u8] = at(11)


MCFG_ENTRIES = 44
