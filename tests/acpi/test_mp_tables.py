from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest

from codegen.lang import storage, u32
from hypervisor.devices.acpi.layout import IO_APIC, LOCAL_APIC, TABLES
from hypervisor.devices.acpi.tables import write_acpi_tables
from hypervisor.devices.board import Board, board_set_line
from hypervisor.devices.ioapic import ioapic_read
from hypervisor.devices.lapic.reset import lapic_reset
from hypervisor.devices.lapic.state import LocalApic
from hypervisor.devices.mp_tables import write_mp_tables
from hypervisor.devices.pci.bus import line_of
from tests.played_guest.machine import VM, everywhere, get, in_cpython, new_machine

SIGNATURE, FEATURES = 0x0080_0F12, 0x178B_FBFF
ENTRY_BYTES = {0: 20, 1: 8, 2: 8, 3: 8, 4: 8}


@dataclass
class Found:
    """What a system that follows the specification reads."""

    header: bytes
    entries: dict[int, list[bytes]] = field(default_factory=lambda: {kind: [] for kind in ENTRY_BYTES})

    def wires(self) -> dict[int, tuple[int, int]]:
        """IRQ of the ISA bus to pin of the I/O APIC and flags."""
        return self.of_bus(b"ISA   ")

    def of_bus(self, name: bytes) -> dict[int, tuple[int, int]]:
        """The same of any bus; on PCI by slot and pin."""
        (bus,) = (entry[1] for entry in self.entries[1] if entry[2:8] == name)
        assert all(entry[1] == 0 for entry in self.entries[3])
        own = [entry for entry in self.entries[3] if entry[4] == bus]
        return {entry[5]: (entry[7], struct.unpack_from("<H", entry, 2)[0]) for entry in own}


def search() -> Found:
    """Specification 4: the pointer on 16 bytes in the BIOS area, then the table, whose entries are sorted by type."""
    area = get(0xF_0000, 0x1_0000)
    (at,) = (at for at in range(0, len(area), 16) if area[at : at + 4] == b"_MP_")
    pointer = area[at : at + 16]
    assert pointer[8:10] == b"\x01\x04" and sum(pointer) & 0xFF == 0 and pointer[11:] == bytes(5)
    (table,) = struct.unpack_from("<I", pointer, 4)
    length, count = struct.unpack("<H", get(table + 4, 2))[0], struct.unpack("<H", get(table + 34, 2))[0]
    data = get(table, length)
    assert data[:4] == b"PCMP" and data[6] == 4 and sum(data) & 0xFF == 0
    assert table + length <= 0x10_0000
    found, at, kinds = Found(data[:44]), 44, []
    for _ in range(count):
        kinds.append(data[at])
        found.entries[data[at]].append(data[at : at + ENTRY_BYTES[data[at]]])
        at += ENTRY_BYTES[data[at]]
    assert at == length and kinds == sorted(kinds)
    return found


def tables(vcpus: int, run=in_cpython) -> Found:
    new_machine()
    assert run(write_mp_tables, VM.memory, u32(vcpus), u32(SIGNATURE), u32(FEATURES))
    return search()


def overrides() -> dict[int, tuple[int, int]]:
    """The same wires as the MADT has them: what it does not override is as on a PC."""
    assert in_cpython(write_acpi_tables, VM.memory, u32(1)) is not None
    xsdt = struct.unpack("<Q", get(TABLES + 24, 8))[0]
    madt = struct.unpack("<Q", get(xsdt + 44, 8))[0]
    data = get(madt, struct.unpack("<I", get(madt + 4, 4))[0])
    wires, at = {irq: (irq, 0) for irq in range(16)}, 44
    while at < len(data):
        if data[at] == 2:
            wires[data[at + 3]] = struct.unpack_from("<IH", data, at + 4)
        at += data[at + 1]
    return wires


@everywhere
@pytest.mark.parametrize("vcpus", [1, 4, 64])
def test_every_vcpu_is_a_processor_with_its_apic(run, vcpus):
    found = tables(vcpus, run)
    assert struct.unpack_from("<I", found.header, 36)[0] == LOCAL_APIC
    expected = [
        struct.pack("<BBBBIIQ", 0, index, 0x14, 3 if index == 0 else 1, SIGNATURE & 0xFFF, FEATURES, 0)
        for index in range(vcpus)
    ]
    assert found.entries[0] == expected
    apic = storage(LocalApic)
    lapic_reset(apic, u32(0), True)
    assert int(apic.registers.version) & 0xFF == 0x14


def test_the_io_apic_is_the_boards():
    found = tables(4)
    board = storage(Board)
    board.ioapic.select = 1
    version = int(ioapic_read(board.ioapic, u32(0x10))) & 0xFF
    assert found.entries[2] == [struct.pack("<BBBBI", 2, 0, version, 1, IO_APIC)]
    assert [entry[1:8] for entry in found.entries[1]] == [b"\x00PCI   ", b"\x01ISA   "]


def test_mp_tables_madt_and_chips_agree_on_every_wire():
    wires = tables(2).wires()
    assert sorted(wires) == [0, 1, *range(3, 10), *range(12, 16)]
    assert wires[0] == (2, 0) and wires[9] == (9, 0xD)
    madt = overrides()
    for irq, (pin, flags) in wires.items():
        assert madt[irq] == (pin, flags)
        board = storage(Board)
        board_set_line(board, u32(irq), True)
        assert int(board.ioapic.lines) == 1 << pin


def test_pic_and_nmi_are_wired_to_every_local_apic():
    local = [(entry[1], entry[6], entry[7]) for entry in tables(2).entries[4]]
    assert local == [(3, 0xFF, 0), (1, 0xFF, 1)]


def test_pci_slots_end_where_both_tables_and_the_interrupt_line_say():
    wires = tables(2).of_bus(b"PCI   ")
    assert sorted(wires) == [slot << 2 for slot in range(1, 16)]
    for source, (pin, flags) in wires.items():
        assert (pin, flags) == (int(line_of(u32(source >> 2))), 0xF) and pin in (10, 11)
