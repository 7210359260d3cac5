"""RSDP, XSDT, FADT, FACS, DSDT and MADT (ACPI 6.5, chapter 5), placed in the guest's firmware area."""

from __future__ import annotations

import struct

from codegen.lang import Field, Gpa, Local, Struct, at, fn, range, span, span_of, u8, u32, u64
from hypervisor.devices.acpi.dsdt import dsdt_code
from hypervisor.devices.acpi.layout import (
    IO_APIC,
    LOCAL_APIC,
    PM1_CONTROL,
    PM1_EVENT,
    PM_TIMER,
    RESET_PORT,
    RESET_VALUE,
    TABLES,
)
from hypervisor.devices.table_checksum import seal_table
from hypervisor.devices.wiring import BUS_DEFAULT, IO_APIC_ID, ISA_WIRES, LINT_NMI, SCI_IRQ
from hypervisor.memory.guest import GuestMemory, copy_out, write_u32

OEM, OEM_TABLE, CREATOR = b"KEELBK", b"KEELBACK", b"KEEL"
HEADER_BYTES, LENGTH_OFFSET, CHECKSUM_OFFSET = 36, 4, 9
LOCAL_APIC_ENTRY_BYTES = 8


def header(signature: bytes, revision: int, length: int) -> bytes:
    """The beginning of a table, without its checksum (5.2.6)."""
    return struct.pack("<4sIBB6s8sI4sI", signature, length, revision, 0, OEM, OEM_TABLE, 1, CREATOR, 1)


def table(signature: bytes, revision: int, body: bytes) -> bytes:
    """A table with its header; the checksum makes the sum of all bytes 0."""
    data = bytearray(header(signature, revision, HEADER_BYTES + len(body)) + body)
    data[CHECKSUM_OFFSET] = -sum(data) & 0xFF
    return bytes(data)


def generic_address(port: int, bits: int) -> bytes:
    """A GAS for system I/O (5.2.3.2)."""
    return struct.pack("<BBBBQ", 1, bits, 0, {8: 1, 16: 2, 32: 3}[bits], port)


def fadt(facs: int, dsdt: int) -> bytes:
    """Not hardware-reduced: PM1a blocks and the PM timer in I/O space, always in ACPI mode (no SMI command)."""
    body = struct.pack("<IIBBHIBBBB", facs, dsdt, 0, 0, SCI_IRQ, 0, 0, 0, 0, 0)
    body += struct.pack("<IIIIIIII", PM1_EVENT, 0, PM1_CONTROL, 0, 0, PM_TIMER, 0, 0)
    body += struct.pack("<BBBBBBBB", 4, 2, 0, 4, 0, 0, 0, 0)
    # C2 and C3 latencies say "not supported"; RTC day, month, century alarms: only the century register exists.
    body += struct.pack("<HHHHBBBBBH", 0x65, 0x3E9, 0, 0, 0, 0, 0, 0, 0x32, 0b100)
    # IAPC_BOOT_ARCH above: no 8042, no VGA to be probed (bit 2). WBINVD, no C2 on MP, a fixed power button, no sleep
    # button, 32-bit timer, reset register.
    flags = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 8 | 1 << 10
    body += struct.pack("<BI", 0, flags)
    body += generic_address(RESET_PORT, 8) + struct.pack("<BHB", RESET_VALUE, 0, 5)
    body += struct.pack("<QQ", facs, dsdt)
    body += generic_address(PM1_EVENT, 32) + bytes(12) + generic_address(PM1_CONTROL, 16) + bytes(12)
    body += bytes(12) + generic_address(PM_TIMER, 32) + bytes(12) + bytes(12)
    body += bytes(12) + bytes(12) + bytes(8)  # sleep registers, hypervisor vendor
    return table(b"FACP", 6, body)


def madt_fixed() -> bytes:
    """The I/O APIC, its overrides (5.2.12.5) and the local NMI line; the local APICs follow at run time."""
    body = struct.pack("<II", LOCAL_APIC, 1)  # PC-AT compatible: the PIC is there too
    body += struct.pack("<BBBBII", 1, 12, IO_APIC_ID, 0, IO_APIC, 0)
    for wire in ISA_WIRES:
        if not wire.ordinary:
            body += struct.pack("<BBBBIH", 2, 10, 0, wire.irq, wire.gsi, wire.flags)
    body += struct.pack("<BBBHB", 4, 6, 0xFF, BUS_DEFAULT, LINT_NMI)  # of every processor
    return body


def align(address: int, to: int) -> int:
    return (address + to - 1) & -to


def place() -> tuple[bytes, int, int]:
    """All tables but the MADT as one blob from TABLES on, the MADT's address, and the FADT's (for tests)."""
    dsdt = table(b"DSDT", 2, dsdt_code())
    facs_at = align(TABLES + 36, 64)
    facs = struct.pack("<4sIIIIIQB31s", b"FACS", 64, 0, 0, 0, 0, 0, 2, b"")
    dsdt_at = facs_at + 64
    fadt_at = align(dsdt_at + len(dsdt), 16)
    xsdt_at = align(fadt_at + len(fadt(facs_at, dsdt_at)), 16)
    madt_at = align(xsdt_at + 36 + 16, 16)
    xsdt = table(b"XSDT", 1, struct.pack("<QQ", fadt_at, madt_at))
    rsdp = bytearray(struct.pack("<8sB6sBIIQB3s", b"RSD PTR ", 0, OEM, 2, 0, 36, xsdt_at, 0, b""))
    rsdp[8] = -sum(rsdp[:20]) & 0xFF
    rsdp[32] = -sum(rsdp) & 0xFF
    blob = bytearray(madt_at - TABLES)
    for where, what in (
        (TABLES, bytes(rsdp)),
        (facs_at, facs),
        (dsdt_at, dsdt),
        (fadt_at, fadt(facs_at, dsdt_at)),
        (xsdt_at, xsdt),
    ):
        blob[where - TABLES : where - TABLES + len(what)] = what
    return bytes(blob), madt_at, fadt_at


_blob, MADT, FADT = place()
BLOB = span(_blob)
MADT_FIXED = span(header(b"APIC", 5, 0) + madt_fixed())  # the length follows the number of processors
MADT_FIXED_BYTES = HEADER_BYTES + len(madt_fixed())


class LocalApicEntry(Struct, size=8, align=1):
    """Processor Local APIC structure (5.2.12.2)."""

    type: Field[u8] = at(0)
    length: Field[u8] = at(1)
    processor: Field[u8] = at(2)
    apic: Field[u8] = at(3)
    flags: Field[u32] = at(4)


@fn(cold=True)
def write_acpi_tables(memory: GuestMemory, vcpus: u32) -> Gpa | None:
    """Write the tables for `vcpus` processors, at most 255 (more would need x2APIC entries); the RSDP's address, or
    None when the guest has no RAM there."""
    if copy_out(memory, Gpa(TABLES), BLOB) is not None or copy_out(memory, Gpa(MADT), MADT_FIXED) is not None:
        return None
    length = u32(MADT_FIXED_BYTES)
    entry = Local(LocalApicEntry)
    entry.length = LOCAL_APIC_ENTRY_BYTES
    entry.flags = 1  # enabled
    for i in range(vcpus):
        entry.processor = u8(i)
        entry.apic = u8(i)
        if copy_out(memory, Gpa(MADT) + u64(length), span_of(entry)) is not None:
            return None
        length = length + LOCAL_APIC_ENTRY_BYTES
    if write_u32(memory, Gpa(MADT + LENGTH_OFFSET), length) is not None:
        return None
    if seal_table(memory, Gpa(MADT), length, u32(CHECKSUM_OFFSET)) is not None:
        return None
    return Gpa(TABLES)
