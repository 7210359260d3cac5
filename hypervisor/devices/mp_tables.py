"""The tables of Intel's MultiProcessor Specification 1.4, chapter 4: for guests that do not use ACPI."""

from __future__ import annotations

import struct

from codegen.lang import Field, Gpa, Local, Struct, at, fn, range, sizeof, span, span_of, u8, u16, u32
from hypervisor.devices.acpi.layout import IO_APIC, LOCAL_APIC, MP_TABLES
from hypervisor.devices.ioapic import VERSION as IO_APIC_VERSION
from hypervisor.devices.lapic.reset import VERSION as LOCAL_APIC_VERSION
from hypervisor.devices.table_checksum import seal_table
from hypervisor.devices.wiring import (
    ACTIVE_LOW_LEVEL,
    BUS_DEFAULT,
    EVERY_LOCAL_APIC,
    IO_APIC_ID,
    ISA_WIRES,
    LINT_NMI,
    LINT_PIC,
    PCI_LINES,
    PCI_WIRES,
)
from hypervisor.memory.guest import GuestMemory, copy_out, write_u16

REVISION = 4  # 1.4
POINTER_BYTES = 16
CONFIGURATION = MP_TABLES + POINTER_BYTES
PROCESSOR, BUS, IO_APIC_CHIP, IO_INTERRUPT, LOCAL_INTERRUPT = 0, 1, 2, 3, 4  # types of entries (table 4-3)
PCI_BUS, ISA_BUS = 0, 1  # a PCI bus's ID is its number (appendix D.3)
INT, NMI, EXTINT = 0, 1, 3  # types of interrupts (table 4-11)
USABLE, BOOTSTRAP = 1 << 0, 1 << 1
SIGNATURE = 0xFFF  # family, model and stepping in CPUID leaf 1, EAX


def pointer() -> bytes:
    """The floating pointer structure (4.1): a configuration table exists, and the PIC reaches the processors through
    their local APICs (virtual wire mode, no IMCR)."""
    data = bytearray(struct.pack("<4sIBBB5s", b"_MP_", CONFIGURATION, POINTER_BYTES // 16, REVISION, 0, b""))
    data[10] = -sum(data) & 0xFF
    return bytes(data)


def header() -> bytes:
    """Of the configuration table (4.2); length, checksum and number of entries are filled in at run time."""
    fields = (b"PCMP", 0, REVISION, 0, b"KEELBACK", b"PC".ljust(12), 0, 0, 0, LOCAL_APIC, 0, 0, 0)
    return struct.pack("<4sHBB8s12sIHHIHBB", *fields)


def board_entries() -> list[bytes]:
    """What follows the processors: buses, the I/O APIC, its wires, and the wires of every local APIC."""
    buses = [struct.pack("<BB6s", BUS, number, name) for number, name in ((PCI_BUS, b"PCI   "), (ISA_BUS, b"ISA   "))]
    chip = struct.pack("<BBBBI", IO_APIC_CHIP, IO_APIC_ID, IO_APIC_VERSION & 0xFF, USABLE, IO_APIC)
    wires = [
        struct.pack("<BBHBBBB", IO_INTERRUPT, INT, wire.flags, ISA_BUS, wire.irq, IO_APIC_ID, wire.gsi)
        for wire in ISA_WIRES
        if wire.irq not in PCI_LINES
    ]
    wires += [
        struct.pack("<BBHBBBB", IO_INTERRUPT, INT, ACTIVE_LOW_LEVEL, PCI_BUS, slot << 2, IO_APIC_ID, line)
        for slot, line in PCI_WIRES.items()  # the pin, INTA#, in the low two bits (appendix D.3)
        if slot != 0
    ]
    local = [
        struct.pack("<BBHBBBB", LOCAL_INTERRUPT, kind, BUS_DEFAULT, ISA_BUS, 0, EVERY_LOCAL_APIC, pin)
        for kind, pin in ((EXTINT, LINT_PIC), (NMI, LINT_NMI))
    ]
    return [*buses, chip, *wires, *local]


HEADER = header()
LENGTH_OFFSET, CHECKSUM_OFFSET, COUNT_OFFSET = 4, 7, 34
POINTER_AND_HEADER = span(pointer() + HEADER)
BOARD_ENTRIES = len(board_entries())
BOARD = span(b"".join(board_entries()))
BOARD_BYTES = sum(map(len, board_entries()))


class ProcessorEntry(Struct, size=20, align=1):
    """Table 4-4."""

    type: Field[u8] = at(0)
    apic: Field[u8] = at(1)
    apic_version: Field[u8] = at(2)
    flags: Field[u8] = at(3)
    signature: Field[u32] = at(4)
    features: Field[u32] = at(8)  # CPUID leaf 1, EDX


FIRST_PROCESSOR = CONFIGURATION + len(HEADER)


@fn(cold=True)
def write_mp_tables(memory: GuestMemory, vcpus: u32, signature: u32, features: u32) -> bool:
    """Write the tables for `vcpus` processors, at most 255, whose CPUID leaf 1 says `signature` (EAX) and `features`
    (EDX). Whether the guest has RAM there."""
    if copy_out(memory, Gpa(MP_TABLES), POINTER_AND_HEADER) is not None:
        return False
    entry = Local(ProcessorEntry)
    entry.type = PROCESSOR
    entry.apic_version = LOCAL_APIC_VERSION & 0xFF
    entry.signature = signature & SIGNATURE
    entry.features = features
    end = Gpa(FIRST_PROCESSOR)
    for i in range(vcpus):
        entry.apic = u8(i)
        entry.flags = u8(USABLE | BOOTSTRAP) if i == 0 else u8(USABLE)
        if copy_out(memory, end, span_of(entry)) is not None:
            return False
        end = end + sizeof(ProcessorEntry)
    if copy_out(memory, end, BOARD) is not None:
        return False
    length = u32(end - Gpa(CONFIGURATION)) + BOARD_BYTES
    if write_u16(memory, Gpa(CONFIGURATION + LENGTH_OFFSET), u16(length)) is not None:
        return False
    if write_u16(memory, Gpa(CONFIGURATION + COUNT_OFFSET), u16(vcpus + BOARD_ENTRIES)) is not None:
        return False
    return seal_table(memory, Gpa(CONFIGURATION), length, u32(CHECKSUM_OFFSET)) is None
