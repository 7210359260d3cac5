import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Hpa, bind, host, u64
from drivers.acpi.machine import ISA_INTERRUPTS, MACHINE, acpi_read_machine
from drivers.acpi.root import ROOT, acpi_may_read, acpi_start

RAM = 1 << 20
PLACE = 0x8_0000


@pytest.fixture(autouse=True)
def readable(fresh_machine: None) -> None:
    bind(acpi_may_read, lambda hpa, length: int(hpa) + int(length) <= RAM)


def summed(content: bytes, at: int) -> bytes:
    total = sum(content) & 0xFF
    return content[:at] + bytes([(content[at] - total) & 0xFF]) + content[at + 1 :]


def table(signature: bytes, body: bytes, length: int | None = None) -> bytes:
    header = struct.pack(
        "<4sIBB6s8sIII", signature, 36 + len(body) if length is None else length, 1, 0, b"OEMID", b"OEMTABLE", 1, 1, 1
    )
    return summed(header + body, 9)


def put_tables(tables: list[bytes], wide: bool, place: int = PLACE) -> None:
    addresses, here = [], place + 0x1000
    for content in tables:
        host.memory.write(Hpa(here), content)
        addresses.append(here)
        here += (len(content) + 15) & ~15
    root = b"".join(address.to_bytes(8 if wide else 4, "little") for address in addresses)
    host.memory.write(Hpa(place + 0x100), table(b"XSDT" if wide else b"RSDT", root))
    first = summed(struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"OEMID", 2 if wide else 0, 0 if wide else place + 0x100), 8)
    whole = summed(first + struct.pack("<IQB3x", 36, place + 0x100, 0), 32)
    host.memory.write(Hpa(place), whole if wide else first)


def madt(*entries: bytes) -> bytes:
    return table(b"APIC", struct.pack("<II", 0xFEE0_0000, 1) + b"".join(entries))


ENTRIES = (
    struct.pack("<BBBBI", 0, 8, 0, 0, 1),
    struct.pack("<BBBBI", 0, 8, 1, 7, 1),
    struct.pack("<BBBBI", 0, 8, 2, 9, 0),  # disabled
    struct.pack("<BBHIII", 9, 16, 0, 300, 1, 4),
    struct.pack("<BB6x", 99, 8),
    struct.pack("<BBBBII", 1, 12, 2, 0, 0xFEC0_0000, 0),
    struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0),
    struct.pack("<BBBBIH", 2, 10, 0, 9, 9, 0xF),
)


def fadt() -> bytes:
    body = bytearray(244 - 36)
    struct.pack_into("<I", body, 76 - 36, 0x608)
    body[91 - 36] = 4
    struct.pack_into("<I", body, 112 - 36, 1 << 8 | 1 << 10)
    struct.pack_into("<BBBBQB", body, 116 - 36, 1, 8, 0, 1, 0xCF9, 6)
    return table(b"FACP", bytes(body))


def hpet() -> bytes:
    return table(b"HPET", struct.pack("<IBBBBQBHB", 0x8086_A201, 0, 64, 0, 0, 0xFED0_0000, 0, 0x80, 0))


@pytest.mark.parametrize("wide", [False, True])
def test_the_tables_are_found_and_read(wide: bool) -> None:
    put_tables([fadt(), madt(*ENTRIES), hpet()], wide)
    assert acpi_start(Hpa(PLACE))
    acpi_read_machine()
    assert [int(MACHINE.processors[i]) for i in range(int(MACHINE.processor_count))] == [0, 7, 300]
    assert int(MACHINE.ioapic_count) == 1
    assert MACHINE.ioapics[0].base == Hpa(0xFEC0_0000)
    assert [int(MACHINE.isa[i].gsi) for i in range(ISA_INTERRUPTS)] == [2, *range(1, 16)]
    assert MACHINE.isa[9].level and MACHINE.isa[9].active_low
    assert not MACHINE.isa[4].level
    assert int(MACHINE.pm_timer_port) == 0x608 and MACHINE.pm_timer_32_bits
    assert (int(MACHINE.reset_port), int(MACHINE.reset_value)) == (0xCF9, 6)
    assert MACHINE.hpet == Hpa(0xFED0_0000)


@pytest.mark.parametrize("place", [0xE_0000, 0xF_5A40, 0x9_FC20])
def test_without_a_hint_the_bios_areas_are_searched(place: int) -> None:
    host.memory.write(Hpa(0x40E), (0x9FC0).to_bytes(2, "little"))
    put_tables([madt()], False, PLACE)
    host.memory.write(Hpa(place), host.memory.read(Hpa(PLACE), 20))
    assert acpi_start(Hpa(0))


def test_a_machine_without_tables_has_none() -> None:
    assert not acpi_start(Hpa(0))
    acpi_read_machine()
    assert int(MACHINE.ioapic_count) == 0
    assert [int(MACHINE.isa[i].gsi) for i in range(ISA_INTERRUPTS)] == list(range(16))


def test_a_wrong_checksum_is_not_believed() -> None:
    broken = bytearray(madt(*ENTRIES))
    broken[50] ^= 1
    put_tables([bytes(broken)], True)
    assert acpi_start(Hpa(PLACE))
    acpi_read_machine()
    assert int(MACHINE.processor_count) == 0


@pytest.mark.parametrize("length", [0, 35, 0x7FFF_FFFF, 0xFFFF_FFFF, RAM])
def test_a_table_of_absurd_length_is_passed_over(length: int) -> None:
    put_tables([table(b"APIC", b"", length), madt(*ENTRIES)], True)
    assert acpi_start(Hpa(PLACE))
    acpi_read_machine()
    assert int(MACHINE.processor_count) == 3


@pytest.mark.parametrize("entry", [b"\0", b"\0\0", b"\0\1", b"\0\xff\0\0", b"\1\x08\0\0\0\0\0\0", b"\2\x02"])
def test_an_entry_that_is_too_short_or_too_long_ends_well(entry: bytes) -> None:
    put_tables([madt(ENTRIES[0], entry)], True)
    assert acpi_start(Hpa(PLACE))
    acpi_read_machine()
    assert int(MACHINE.processor_count) == 1


def test_more_than_we_can_hold_is_cut() -> None:
    processors = [struct.pack("<BBBBI", 0, 8, 0, number, 1) for number in range(100)]
    put_tables([madt(*processors, *[ENTRIES[5]] * 20)], True)
    assert acpi_start(Hpa(PLACE))
    acpi_read_machine()
    assert (int(MACHINE.processor_count), int(MACHINE.processors_beyond)) == (64, 36)
    assert int(MACHINE.ioapic_count) == 8


def test_a_processor_that_is_listed_twice_is_one() -> None:
    x2apic = struct.pack("<BBHIII", 9, 16, 0, 7, 1, 0)
    put_tables([madt(struct.pack("<BBBBI", 0, 8, 0, 7, 1), x2apic, struct.pack("<BBBBI", 0, 8, 0, 8, 1))], True)
    assert acpi_start(Hpa(PLACE))
    acpi_read_machine()
    assert int(MACHINE.processor_count) == 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.booleans())
def test_random_damage_never_traps(where: int, damage: bytes, repair: bool) -> None:
    host.reset()
    content = bytearray(madt(*ENTRIES) + bytes(16))
    where %= len(content) - len(damage)
    content[where : where + len(damage)] = damage
    broken = summed(bytes(content), 9) if repair else bytes(content)
    put_tables([broken, fadt()], True)
    acpi_start(Hpa(PLACE))
    acpi_read_machine()


def test_addresses_outside_memory_are_not_followed() -> None:
    put_tables([madt()], True)
    ROOT.entry_bytes = 8
    ROOT.table = Hpa(RAM - 8)
    acpi_read_machine()
    ROOT.table = Hpa(u64((1 << 64) - 1))
    acpi_read_machine()
    assert int(MACHINE.processor_count) == 0
