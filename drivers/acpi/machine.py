"""What the tables say, in one record: processors, I/O APICs, interrupt overrides, timers, reset."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Span, Struct, count, fn, len, range, span, storage, u8, u16, u32, u64, usize
from drivers.acpi.root import acpi_table
from drivers.acpi.tables import (
    AddressSpace,
    Fadt,
    FadtExtendedTimer,
    FadtReset,
    HpetTable,
    InterruptFlags,
    MadtEntry,
    MadtEntryType,
    MadtHeader,
    MadtInterruptOverride,
    MadtIoApic,
    MadtLocalApic,
    MadtLocalX2Apic,
)

PROCESSORS_MAX = 64
IOAPICS_MAX = 8
ISA_INTERRUPTS = 16
POLARITY_LOW = 3
TRIGGER_LEVEL = 3
PROCESSOR_ENABLED = 1


class IoApicEntry(Struct):
    """One I/O APIC."""

    base: Field[Hpa]
    first_gsi: Field[u32]


class IsaInterrupt(Struct):
    """Where one of the 16 ISA interrupts arrives."""

    gsi: Field[u32]
    active_low: Field[bool]
    level: Field[bool]


class AcpiMachine(Struct):
    """Zero where a table is missing."""

    processor_count: Field[u32]
    processors: Array[u32] = count(PROCESSORS_MAX)  # APIC IDs, each once
    processors_beyond: Field[u32]  # found, but there is no room for them
    ioapic_count: Field[u32]
    ioapics: Array[IoApicEntry] = count(IOAPICS_MAX)
    isa: Array[IsaInterrupt] = count(ISA_INTERRUPTS)
    pm_timer_port: Field[u16]
    pm_timer_32_bits: Field[bool]
    pm1a_control: Field[u16]
    hpet: Field[Hpa]
    reset_port: Field[u16]  # 0: no reset register in port space
    reset_value: Field[u8]


MACHINE = storage(AcpiMachine)


@fn(cold=True)
def acpi_read_machine() -> None:
    """Read MADT, FADT and HPET, after `acpi_start`."""
    for i in range(u32(ISA_INTERRUPTS)):
        MACHINE.isa[i].gsi = i
    madt = acpi_table(span(b"APIC"))
    if madt is not None:
        read_madt(madt)
    fadt = acpi_table(span(b"FACP"))
    if fadt is not None:
        read_fadt(fadt)
    hpet = acpi_table(span(b"HPET"))
    if hpet is not None:
        read_hpet(hpet)


@fn(cold=True)
def read_madt(madt: Span) -> None:
    """Each entry by its type; one that is too short, or runs over the end, ends the table."""
    if madt.view(0, MadtHeader) is None:
        return
    offset = usize(44)
    while True:
        entry = madt.view(offset, MadtEntry)
        if entry is None or entry.length < 2 or usize(entry.length) > len(madt) - offset:
            return
        read_madt_entry(entry.type, madt.slice(offset, usize(entry.length)))
        offset += usize(entry.length)


@fn(cold=True)
def read_madt_entry(kind: u8, entry: Span) -> None:
    """One entry; `view` is None where it is shorter than its type says."""
    if kind == u8(MadtEntryType.LOCAL_APIC):
        lapic = entry.view(0, MadtLocalApic)
        if lapic is not None and lapic.flags & PROCESSOR_ENABLED != 0:
            add_processor(u32(lapic.apic_id))
    elif kind == u8(MadtEntryType.LOCAL_X2APIC):
        x2apic = entry.view(0, MadtLocalX2Apic)
        if x2apic is not None and x2apic.flags & PROCESSOR_ENABLED != 0:
            add_processor(x2apic.apic_id)
    elif kind == u8(MadtEntryType.IO_APIC):
        ioapic = entry.view(0, MadtIoApic)
        if ioapic is not None and MACHINE.ioapic_count < IOAPICS_MAX:
            place = MACHINE.ioapics[MACHINE.ioapic_count]
            place.base = Hpa(u64(ioapic.address))
            place.first_gsi = ioapic.first_gsi
            MACHINE.ioapic_count += 1
    elif kind == u8(MadtEntryType.INTERRUPT_OVERRIDE):
        override = entry.view(0, MadtInterruptOverride)
        if override is not None and override.source < ISA_INTERRUPTS:
            set_override(MACHINE.isa[override.source], override.gsi, override.flags)


@fn(cold=True)
def add_processor(apic_id: u32) -> None:
    """Some firmware lists a processor in both kinds of entry. Those beyond PROCESSORS_MAX are only counted."""
    for i in range(MACHINE.processor_count):
        if MACHINE.processors[i] == apic_id:
            return
    if MACHINE.processor_count < PROCESSORS_MAX:
        MACHINE.processors[MACHINE.processor_count] = apic_id
        MACHINE.processor_count += 1
    else:
        MACHINE.processors_beyond += 1


@fn(cold=True)
def set_override(interrupt: IsaInterrupt, gsi: u32, flags: InterruptFlags) -> None:
    """An ISA interrupt is active high and edge-triggered unless its override says otherwise."""
    interrupt.gsi = gsi
    interrupt.active_low = flags.polarity == POLARITY_LOW
    interrupt.level = flags.trigger == TRIGGER_LEVEL


@fn(cold=True)
def read_fadt(table: Span) -> None:
    """The PM timer's port (the extended field wins), and the reset register."""
    fadt = table.view(0, Fadt)
    if fadt is None:
        return
    MACHINE.pm_timer_32_bits = fadt.flags.timer_32_bits
    MACHINE.pm1a_control = u16.trunc(fadt.pm1a_control)
    if fadt.pm_timer_length == 4:
        MACHINE.pm_timer_port = u16.trunc(fadt.pm_timer)
    extended = table.view(0, FadtExtendedTimer)
    if extended is not None and extended.pm_timer.space == u8(AddressSpace.PORT) and extended.pm_timer.address != 0:
        MACHINE.pm_timer_port = u16.trunc(extended.pm_timer.address)
    reset = table.view(0, FadtReset)
    if reset is not None and fadt.flags.reset_register and reset.reset.space == u8(AddressSpace.PORT):
        MACHINE.reset_port = u16.trunc(reset.reset.address)
        MACHINE.reset_value = reset.reset_value


@fn(cold=True)
def read_hpet(table: Span) -> None:
    """The HPET's registers, where they are in memory."""
    hpet = table.view(0, HpetTable)
    if hpet is not None and hpet.address.space == u8(AddressSpace.MEMORY):
        MACHINE.hpet = Hpa(hpet.address.address)
