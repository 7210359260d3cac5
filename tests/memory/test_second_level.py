from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import Gpa, Hpa, bind, host, u8, u32, u64
from hypervisor.cpu.mitigations import MITIGATIONS
from hypervisor.memory.frames import FRAMES, allocate_frame, allocate_runs, frames_start
from hypervisor.memory.owner import Owner, guest_ram_owner, guest_tables_owner
from hypervisor.memory.second_level import (
    MapError,
    entry_at,
    second_level_allow_fetch,
    second_level_create,
    second_level_map,
    second_level_translate,
    second_level_unmap,
)
from hypervisor.vcpu.contract import (
    AccessRights,
    second_level_invalidate,
    second_level_largest_leaf,
    second_level_leaf,
    second_level_table,
)

MIB = 1 << 20
FRAME = 4096
RAM = guest_ram_owner(u32(3))
TABLES = guest_tables_owner(u32(3))
ALL = AccessRights.READ_WRITE_EXECUTE


@pytest.fixture(autouse=True)
def machine(fresh_machine: None) -> Iterator[None]:
    bind(second_level_leaf, lambda address, rights, level: u64(int(address) | 7 | (0x80 if int(level) > 1 else 0)))
    bind(second_level_table, lambda address: u64(int(address) | 7))
    bind(second_level_largest_leaf, lambda: u32(3))
    FRAMES.usable.add(u64(2 * MIB), u64(64 * MIB))
    assert frames_start()
    yield
    for declared in (second_level_leaf, second_level_table, second_level_largest_leaf):
        bind(declared, None)


def fresh(runs: int = 4) -> tuple[Hpa, Hpa]:
    root = second_level_create(TABLES)
    ram = allocate_runs(u64(runs), RAM)
    assert root is not None and ram is not None
    return root, ram


def where(root: Hpa, gpa: int) -> int | None:
    found = second_level_translate(root, Gpa(gpa))
    return None if found is None else int(found)


def test_guest_ram_is_mapped_with_2_mib_leaves() -> None:
    root, ram = fresh()
    made = second_level_map(root, Gpa(0), ram, u64(8 * MIB), ALL, RAM, TABLES)
    assert made == u64(2)  # one table of level 3, one of level 2
    for gpa in (0, 1, FRAME - 1, 2 * MIB, 8 * MIB - 1):
        assert where(root, gpa) == int(ram) + gpa
    assert where(root, 8 * MIB) is None
    assert where(root, 1 << 48) is None
    assert where(root, (1 << 64) - 1) is None


def test_ram_of_another_owner_is_never_mapped() -> None:
    root, ram = fresh()
    monitor = allocate_frame(u8(Owner.MONITOR))
    assert monitor is not None
    for hpa, size in ((monitor, FRAME), (Hpa(0), FRAME), (root, FRAME), (ram - u64(FRAME), 2 * FRAME)):
        assert second_level_map(root, Gpa(0), hpa, u64(size), ALL, RAM, TABLES) == MapError.FOREIGN
    assert second_level_map(root, Gpa(0), ram, u64(2 * MIB), ALL, guest_ram_owner(u32(4)), TABLES) == MapError.FOREIGN
    assert where(root, 0) is None


@pytest.mark.parametrize(
    ("gpa", "size"), [(1, FRAME), (0, 1), ((1 << 48) - FRAME, 2 * FRAME), ((1 << 64) - FRAME, FRAME)]
)
def test_what_is_no_frame_of_48_bits_is_refused(gpa: int, size: int) -> None:
    root, ram = fresh()
    assert second_level_map(root, Gpa(gpa), ram, u64(size), ALL, RAM, TABLES) == MapError.MISALIGNED
    assert second_level_unmap(root, Gpa(gpa), u64(size), TABLES) == MapError.MISALIGNED


def test_a_hole_in_a_large_leaf_leaves_the_rest() -> None:
    root, ram = fresh()
    second_level_map(root, Gpa(0), ram, u64(8 * MIB), ALL, RAM, TABLES)
    assert second_level_unmap(root, Gpa(0xA_0000), u64(0x6_0000), TABLES) is None
    assert where(root, 0x9_FFFF) == int(ram) + 0x9_FFFF
    assert where(root, 0xA_0000) is None
    assert where(root, 0xF_FFFF) is None
    assert where(root, 0x10_0000) == int(ram) + 0x10_0000
    assert where(root, 2 * MIB) == int(ram) + 2 * MIB


ranges = st.tuples(st.booleans(), st.integers(0, 1600), st.integers(1, 700))


@settings(max_examples=12, deadline=None)
@given(st.lists(ranges, max_size=6))
def test_mapping_and_unmapping_is_what_a_dictionary_would_do(steps: list[tuple[bool, int, int]]) -> None:
    host.reset()
    FRAMES.usable.add(u64(2 * MIB), u64(64 * MIB))
    assert frames_start()
    root, ram = fresh()
    model: dict[int, int] = {}
    for add, first, pages in steps:
        if add:
            pages = min(pages, 2048 - first)
            hpa = ram + u64(first * FRAME)
            assert not isinstance(
                second_level_map(root, Gpa(first * FRAME), hpa, u64(pages * FRAME), ALL, RAM, TABLES), MapError
            )
            model |= {page: int(ram) + page * FRAME for page in range(first, first + pages)}
        else:
            assert second_level_unmap(root, Gpa(first * FRAME), u64(pages * FRAME), TABLES) is None
            model = {page: hpa for page, hpa in model.items() if not first <= page < first + pages}
    for page in {0, 511, 512, 2047, *(edge for _, a, n in steps for edge in (a - 1, a, a + n - 1, a + n) if edge >= 0)}:
        assert where(root, page * FRAME) == model.get(page)


def test_without_frames_for_tables_the_error_says_so() -> None:
    root, ram = fresh()
    while allocate_frame(TABLES) is not None:
        pass
    assert second_level_map(root, Gpa(0), ram, u64(FRAME), ALL, RAM, TABLES) == MapError.NO_FRAME


EXECUTE, LARGE = 4, 0x80


@pytest.fixture
def small_code_pages() -> Iterator[list[int]]:
    invalidated: list[int] = []
    bind(
        second_level_leaf, lambda address, rights, level: u64(int(address) | rights.value | (LARGE if level > 1 else 0))
    )
    bind(second_level_invalidate, lambda root: invalidated.append(int(root)))
    MITIGATIONS.small_code_pages = True
    yield invalidated
    bind(second_level_invalidate, None)


def entry_of(root: Hpa, gpa: int) -> tuple[int, int]:
    level, entry = entry_at(root, u64(gpa))
    return int(level), int(entry)


def test_large_leaves_are_not_executable_where_a_page_size_change_hurts_the_host(small_code_pages: list[int]) -> None:
    root, ram = fresh()
    assert not isinstance(second_level_map(root, Gpa(0), ram, u64(2 * MIB + FRAME), ALL, RAM, TABLES), MapError)
    assert entry_of(root, 0) == (2, int(ram) | LARGE | AccessRights.READ_WRITE.value)
    assert entry_of(root, 2 * MIB) == (1, int(ram) + 2 * MIB | ALL.value)


def test_a_fetch_splits_its_2_mib_into_executable_pages(small_code_pages: list[int]) -> None:
    root, ram = fresh()
    assert not isinstance(second_level_map(root, Gpa(0), ram, u64(4 * MIB), ALL, RAM, TABLES), MapError)
    assert second_level_allow_fetch(root, Gpa(2 * MIB + 0x5123), TABLES)
    assert entry_of(root, 0)[1] & EXECUTE == 0
    assert {entry_of(root, 2 * MIB + page * FRAME) for page in range(512)} == {
        (1, int(ram) + 2 * MIB + page * FRAME | ALL.value) for page in range(512)
    }
    assert small_code_pages == [int(root)]


def test_a_fetch_that_another_vcpu_has_allowed_already_only_forgets(small_code_pages: list[int]) -> None:
    root, ram = fresh()
    assert not isinstance(second_level_map(root, Gpa(0), ram, u64(2 * MIB), ALL, RAM, TABLES), MapError)
    assert second_level_allow_fetch(root, Gpa(0x5123), TABLES)
    before = entry_of(root, 0x6000)
    assert second_level_allow_fetch(root, Gpa(0x6123), TABLES)
    assert entry_of(root, 0x6000) == before
    assert small_code_pages == [int(root)] * 2


def test_a_fetch_from_where_no_right_was_taken_away_stays_refused(small_code_pages: list[int]) -> None:
    root, ram = fresh()
    assert not isinstance(second_level_map(root, Gpa(0), ram, u64(FRAME), ALL, RAM, TABLES), MapError)
    assert not second_level_allow_fetch(root, Gpa(1 << 30), TABLES)
    assert not isinstance(
        second_level_map(root, Gpa(FRAME), ram, u64(FRAME), AccessRights.READ_WRITE, RAM, TABLES), MapError
    )
    assert not second_level_allow_fetch(root, Gpa(FRAME), TABLES)
    MITIGATIONS.small_code_pages = False
    assert not isinstance(second_level_map(root, Gpa(2 * MIB), ram + 2 * MIB, u64(2 * MIB), ALL, RAM, TABLES), MapError)
    assert entry_of(root, 2 * MIB)[1] & EXECUTE
    assert not second_level_allow_fetch(root, Gpa(2 * MIB), TABLES)
    assert small_code_pages == []
