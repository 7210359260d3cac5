"""One planted entry per rule of 29.3.3.1: the auditor names that rule, and no other."""

from __future__ import annotations

import pytest

from codegen.lang import Hpa, host, u32, u64
from hypervisor.vcpu.contract import AccessRights
from hypervisor.vcpu.vmx.audit.ept_entry import RULES, second_level_audit
from hypervisor.vcpu.vmx.ept import second_level_leaf, second_level_table

BEYOND = 1 << 50  # above the 40 physical address bits of the model
FAULTS = {
    "write_needs_read": (0x20_0036, 1),
    "execute_only": (0x20_0034, 1),
    "address_width": (BEYOND | 0x37, 1),
    "root_reserved": (0x20_0087, 4),
    "table_reserved": (0x20_0047, 3),
    "gigabyte_aligned": (0x20_00B7, 3),
    "two_megabyte_aligned": (0x2_00B7, 2),
    "memory_type": (0x20_001F, 1),
}


def broken(entry: int, level: int) -> set[str]:
    return {rule.holds.__name__ for rule in RULES if not rule.holds(u64(entry), u32(level))}


def test_every_rule_has_its_fault():
    assert {rule.holds.__name__ for rule in RULES} == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named(vcpu, name):
    if name == "execute_only":
        host.cpu.msrs[0x48C] &= ~1
    entry, level = FAULTS[name]
    assert broken(entry, level) == {name}
    assert not second_level_audit(u64(entry), u32(level))


@pytest.mark.parametrize("rights", list(AccessRights))
@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_entries_that_we_write_break_no_rule(vcpu, rights, level):
    leaf = int(second_level_leaf(Hpa(0x4000_0000), rights, u32(level)))
    table = int(second_level_table(Hpa(0x1000)))
    assert broken(leaf, level) == broken(table, level + 1) == set()
    assert second_level_audit(u64(leaf), u32(level))


def test_an_absent_entry_is_no_fault(vcpu):
    assert second_level_audit(u64(0x1F8), u32(1))
