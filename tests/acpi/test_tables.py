from __future__ import annotations

import struct
import subprocess

import pytest

from codegen.lang import Gpa, u32
from hypervisor.devices.acpi.layout import (
    IO_APIC,
    LOCAL_APIC,
    PM1_CONTROL,
    PM1_EVENT,
    PM_TIMER,
    RESET_PORT,
    TABLES,
    TABLES_END,
)
from hypervisor.devices.acpi.tables import write_acpi_tables
from tests.played_guest.machine import VM, everywhere, get, in_cpython, new_machine


def table_at(address: int) -> bytes:
    return get(address, struct.unpack("<I", get(address + 4, 4))[0])


def tables(vcpus: int, run=in_cpython) -> dict[str, bytes]:
    """All tables that can be reached from the RSDP, as an operating system finds them."""
    new_machine()
    assert run(write_acpi_tables, VM.memory, u32(vcpus)) == Gpa(TABLES)
    rsdp = get(TABLES, 36)
    assert rsdp[:8] == b"RSD PTR " and sum(rsdp[:20]) & 0xFF == 0 and sum(rsdp) & 0xFF == 0
    xsdt = table_at(struct.unpack_from("<Q", rsdp, 24)[0])
    found = {"XSDT": xsdt}
    for (address,) in struct.iter_unpack("<Q", xsdt[36:]):
        found[get(address, 4).decode()] = table_at(address)
    for offset, width, name in ((132, "Q", "FACS"), (140, "Q", "DSDT"), (36, "I", "FACS"), (40, "I", "DSDT")):
        found[name] = table_at(struct.unpack_from(f"<{width}", found["FACP"], offset)[0])
        assert found[name][:4].decode() == name
    return found


@everywhere
@pytest.mark.parametrize("vcpus", [1, 2, 3, 16, 64])
def test_every_table_sums_to_zero(run, vcpus):
    for name, content in tables(vcpus, run).items():
        assert name == "FACS" or sum(content) & 0xFF == 0, name
        assert len(content) >= 36


@everywhere
@pytest.mark.parametrize("vcpus", [1, 5, 64])
def test_each_vcpu_has_a_local_apic(run, vcpus):
    madt = tables(vcpus, run)["APIC"]
    assert struct.unpack_from("<II", madt, 36) == (LOCAL_APIC, 1)
    entries, at = [], 44
    while at < len(madt):
        entries.append(madt[at : at + madt[at + 1]])
        at += madt[at + 1]
    assert at == len(madt)
    assert [e[2:] for e in entries if e[0] == 0] == [struct.pack("<BBI", i, i, 1) for i in range(vcpus)]
    (ioapic,) = (e for e in entries if e[0] == 1)
    assert struct.unpack_from("<II", ioapic, 4) == (IO_APIC, 0)
    overrides = {e[3]: struct.unpack_from("<IH", e, 4) for e in entries if e[0] == 2}
    assert overrides == {0: (2, 0), 9: (9, 0xD)}


def test_the_fadt_names_the_ports_of_the_board():
    fadt = tables(1)["FACP"]
    assert len(fadt) == 276
    assert struct.unpack_from("<I", fadt, 56)[0] == PM1_EVENT and struct.unpack_from("<I", fadt, 64)[0] == PM1_CONTROL
    assert struct.unpack_from("<I", fadt, 76)[0] == PM_TIMER
    assert (fadt[88], fadt[89], fadt[91]) == (4, 2, 4)
    assert struct.unpack_from("<H", fadt, 46)[0] == 9
    assert fadt[116:120] == b"\x01\x08\x00\x01" and struct.unpack_from("<Q", fadt, 120)[0] == RESET_PORT
    assert struct.unpack_from("<Q", fadt, 152)[0] == PM1_EVENT and struct.unpack_from("<Q", fadt, 176)[0] == PM1_CONTROL
    assert struct.unpack_from("<Q", fadt, 212)[0] == PM_TIMER


def test_the_tables_stay_in_their_area():
    tables(64)
    assert get(TABLES_END - 16, 16) == bytes(16)


@pytest.mark.parametrize("name", ["FACP", "APIC", "XSDT", "FACS", "DSDT"])
def test_the_acpi_compiler_reads_every_table(tmp_path, name):
    (tmp_path / "table.dat").write_bytes(tables(4)[name])
    done = subprocess.run(["iasl", "-d", "table.dat"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    source = (tmp_path / "table.dsl").read_text()
    assert done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr
    assert "Invalid" not in source and "Unknown" not in source and "truncated" not in source
    assert "Incorrect checksum" not in source + done.stderr


def test_the_dsdt_compiles_again_without_a_warning(tmp_path):
    (tmp_path / "dsdt.dat").write_bytes(tables(1)["DSDT"])
    subprocess.run(["iasl", "-d", "dsdt.dat"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    done = subprocess.run(["iasl", "-we", "dsdt.dsl"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "0 Errors, 0 Warnings" in done.stdout, done.stdout + done.stderr
