"""One planted entry per reserved bit of nested tables, and the report of a walk that meets one."""

from __future__ import annotations

import pytest

from codegen.lang import Gpa, Hpa, host, phys, storage, u32, u64
from hypervisor.console.line import LineBuffer
from hypervisor.console.log import LOG
from hypervisor.cpu.features import FEATURES
from hypervisor.exits.memory import emulate_memory
from hypervisor.exits.registry import Resume
from hypervisor.memory.second_level import SecondLevelTable
from hypervisor.vcpu.contract import AccessRights
from hypervisor.vcpu.exit import AccessCause
from hypervisor.vcpu.svm.audit_nested import RULES, second_level_audit
from hypervisor.vcpu.svm.nested_paging import second_level_leaf, second_level_table
from hypervisor.vm.vm import StopReason
from tests.played_guest.machine import VM, everywhere, new_machine, stop_ordered

FAULTS = {
    "address_width": (1 << 45 | 0x7, 1),
    "root_reserved": (0x1087, 4),
    "gigabyte_pages": (0x4000_0087, 3),
    "gigabyte_aligned": (0x4020_0087, 3),
    "two_megabyte_aligned": (0x2_2087, 2),
}


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    FEATURES.physical_bits, FEATURES.large_1g = 40, True
    return vcpu


LINE = storage(LineBuffer)


def said() -> list[str]:
    """The lines of the log."""
    lines, position = [], LOG.ring.read(u64(0), LINE)
    while position is not None:
        lines.append(bytes(int(LINE.text[i]) for i in range(int(LINE.length))).decode())
        position = LOG.ring.read(position, LINE)
    return lines


def broken(entry: int, level: int) -> set[str]:
    return {holds.__name__ for holds, _ in RULES if not holds(u64(entry), u32(level))}


def test_every_rule_has_its_fault():
    assert {holds.__name__ for holds, _ in RULES} == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(vcpu, name):
    FEATURES.large_1g = name != "gigabyte_pages"
    entry, level = FAULTS[name]
    assert broken(entry, level) == {name}
    assert not second_level_audit(u64(entry), u32(level))


@pytest.mark.parametrize("rights", list(AccessRights))
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_entries_that_we_write_break_no_rule(vcpu, rights, level):
    assert second_level_audit(second_level_leaf(Hpa(0x4000_0000), rights, u32(level)), u32(level))
    assert second_level_audit(second_level_table(Hpa(0x1000)), u32(level + 1))


@everywhere
def test_a_reserved_bit_stops_the_vm_and_the_walk_ends_at_the_entry_that_has_it(run, vcpu):
    tables = [host.memory.allocate(4096) for _ in range(3)]
    VM.second_level_root = tables[0]
    phys(SecondLevelTable, tables[0]).entries[0] = second_level_table(tables[1])
    phys(SecondLevelTable, tables[1]).entries[1] = second_level_table(tables[2])
    phys(SecondLevelTable, tables[2]).entries[3] = 0x2_2087
    vcpu.exit.gpa = Gpa(0x4060_0123)
    vcpu.exit.cause = AccessCause(reserved=True)
    assert run(emulate_memory, vcpu) == Resume.YIELD
    assert stop_ordered(VM) == StopReason.CRASHED
    lines = "\n".join(said())
    assert "misconfigured at guest-physical 0x40600123" in lines
    assert "level 2: entry 3 of the table" in lines and "is 0x22087" in lines
    assert "broken: bits 20:13 of an entry that maps 2 MiB are 0 (APM vol. 2, 5.3.3)" in lines
    assert "level 1" not in lines
