from collections.abc import Callable, Iterator

import pytest

from codegen.lang import Gpa, Hpa, bind, phys, u8, u32, u64
from hypervisor.memory.frames import FRAMES, allocate_frame, allocate_runs, frames_start
from hypervisor.memory.owner import Owner, guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level import SecondLevelTable, second_level_create, second_level_map, table_for
from hypervisor.memory.second_level_check import second_level_violation
from hypervisor.vcpu.contract import (
    AccessRights,
    second_level_largest_leaf,
    second_level_leaf,
    second_level_table,
)

MIB, FRAME, LARGE = 1 << 20, 4096, 0x80
RAM, TABLES = guest_ram_owner(u32(3)), guest_tables_owner(u32(3))
LOCAL_APIC = 0xFEE0_0000
SIZE = 8 * MIB + 2 * FRAME


@pytest.fixture
def root(fresh_machine: None) -> Iterator[Hpa]:
    bind(second_level_leaf, lambda address, rights, level: u64(int(address) | 7 | (LARGE if int(level) > 1 else 0)))
    bind(second_level_table, lambda address: u64(int(address) | 7))
    bind(second_level_largest_leaf, lambda: u32(3))
    FRAMES.usable.add(u64(2 * MIB), u64(64 * MIB))
    assert frames_start()
    root, ram = second_level_create(TABLES), allocate_runs(u64(5), RAM)
    assert root is not None and ram is not None
    assert second_level_map(root, Gpa(0), ram, u64(SIZE), AccessRights.READ_WRITE_EXECUTE, RAM, TABLES) == u64(3)
    yield root
    for declared in (second_level_leaf, second_level_table, second_level_largest_leaf):
        bind(declared, None)


def plant(root: Hpa, gpa: int, level: int, entry: int) -> None:
    table = table_for(root, u64(gpa), u32(level), TABLES)[1]
    assert table is not None
    table.entries[(gpa >> (3 + 9 * level)) & 511] = entry


def frame(owner: int | Owner) -> int:
    found = allocate_frame(u8(owner))
    assert found is not None
    return int(found)


def run(owner: int) -> int:
    found = allocate_runs(u64(1), u8(owner))
    assert found is not None
    return int(found)


def test_a_guest_with_its_own_ram_is_sound(root: Hpa) -> None:
    assert second_level_violation(root, RAM, TABLES) is None


@pytest.mark.parametrize(
    "foreign",
    [
        lambda: frame(Owner.MONITOR),
        lambda: frame(Owner.CONTROL),
        lambda: frame(int(guest_ram_owner(u32(4)))),
        lambda: frame(int(TABLES)),
        lambda: frame(int(guest_tables_owner(u32(4)))),
        lambda: LOCAL_APIC,
        lambda: 1 << 40,
        lambda: MIB,
    ],
)
@pytest.mark.parametrize("gpa", [8 * MIB + FRAME, 9 * MIB, 1 << 30, (1 << 48) - FRAME])
def test_one_foreign_page_is_found(root: Hpa, foreign: Callable[[], int], gpa: int) -> None:
    plant(root, gpa, 1, foreign() | 7)
    assert second_level_violation(root, RAM, TABLES) == Gpa(gpa)


def test_a_large_leaf_is_looked_at_throughout(root: Hpa) -> None:
    plant(root, 2 * MIB, 2, run(int(guest_ram_owner(u32(4)))) | LARGE | 7)
    assert second_level_violation(root, RAM, TABLES) == Gpa(2 * MIB)


def test_a_gigabyte_leaf_over_the_monitor_is_found(root: Hpa) -> None:
    plant(root, 1 << 30, 3, 0 | LARGE | 7)
    assert second_level_violation(root, RAM, TABLES) == Gpa(1 << 30)


def test_a_table_in_the_guests_own_ram_is_found(root: Hpa) -> None:
    guest_frame = frame(int(RAM))
    assert phys(SecondLevelTable, Hpa(guest_frame)).entries[0] == 0
    plant(root, 1 << 30, 2, guest_frame | 7)
    assert second_level_violation(root, RAM, TABLES) == Gpa(1 << 30)
