"""The driver of the I/O APICs: which pin becomes which vector on which processor."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, fn, mmio, range, storage, u8, u32, u64
from drivers.interrupt.ioapic import REGISTER_REDIRECTION, REGISTER_VERSION, IoApicRegisters, IoApicVersion, Redirection

IOAPICS_MAX = 8


class HostIoApic(Struct):
    """One I/O APIC and the global system interrupts that are its pins."""

    base: Field[Hpa]
    first_gsi: Field[u32]
    pins: Field[u32]


class HostIoApics(Struct):
    """All of the machine."""

    ioapic_count: Field[u32]
    ioapics: Array[HostIoApic] = count(IOAPICS_MAX)


IOAPICS = storage(HostIoApics)


@fn
def read_register(ioapic: HostIoApic, register: u32) -> u32:
    """A register behind the window."""
    window = mmio(IoApicRegisters, ioapic.base)
    window.select.write(register)
    return window.data.read()


@fn
def write_register(ioapic: HostIoApic, register: u32, value: u32) -> None:
    """A register behind the window."""
    window = mmio(IoApicRegisters, ioapic.base)
    window.select.write(register)
    window.data.write(value)


@fn(cold=True)
def ioapic_start(base: Hpa, first_gsi: u32) -> bool:
    """Take an I/O APIC (mapped already) over with all pins masked. False beyond IOAPICS_MAX."""
    if IOAPICS.ioapic_count == IOAPICS_MAX:
        return False
    ioapic = IOAPICS.ioapics[IOAPICS.ioapic_count]
    IOAPICS.ioapic_count += 1
    ioapic.base = base
    ioapic.first_gsi = first_gsi
    ioapic.pins = u32(IoApicVersion.of(read_register(ioapic, u32(REGISTER_VERSION))).last_pin) + 1
    for pin in range(ioapic.pins):
        write_redirection(ioapic, pin, Redirection(masked=True))
    return True


@fn
def ioapic_of(gsi: u32) -> HostIoApic | None:
    """The I/O APIC that has this global system interrupt."""
    for i in range(IOAPICS.ioapic_count):
        ioapic = IOAPICS.ioapics[i]
        if gsi.wrapping_sub(ioapic.first_gsi) < ioapic.pins:
            return ioapic
    return None


@fn(cold=True)
def ioapic_route(gsi: u32, vector: u8, apic_id: u8, active_low: bool, level: bool) -> bool:
    """Send this interrupt to one processor from now on. False when no I/O APIC has it."""
    ioapic = ioapic_of(gsi)
    if ioapic is None:
        return False
    entry = Redirection(vector=vector, destination=apic_id, active_low=active_low, level=level)
    write_redirection(ioapic, gsi - ioapic.first_gsi, entry)
    return True


@fn
def write_redirection(ioapic: HostIoApic, pin: u32, entry: Redirection) -> None:
    """High half first: the low half has the mask bit."""
    write_register(ioapic, u32(REGISTER_REDIRECTION + 1) + 2 * pin, u32.trunc(u64(entry) >> 32))
    write_register(ioapic, u32(REGISTER_REDIRECTION) + 2 * pin, u32.trunc(u64(entry)))
