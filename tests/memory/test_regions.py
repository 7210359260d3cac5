import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boot.info import BootInfo, MemoryKind
from codegen.lang import Hpa, storage, u32, u64
from hypervisor.memory.regions import FRAME, REGIONS_MAX, RegionList, usable_regions

LIST = storage(RegionList)
INFO = storage(BootInfo)
TOP = 64


def content() -> list[tuple[int, int]]:
    regions = [LIST.regions[i] for i in range(int(LIST.region_count))]
    return [(int(region.base), int(region.end)) for region in regions]


def frames() -> set[int]:
    return {frame for base, end in content() for frame in range(base // FRAME, end // FRAME)}


def assert_sane() -> None:
    found = content()
    assert all(base < end for base, end in found)
    assert all(first[1] < second[0] for first, second in zip(found, found[1:], strict=False))
    assert all(base % FRAME == 0 and end % FRAME == 0 for base, end in found)


pieces = st.tuples(st.booleans(), st.integers(0, TOP), st.integers(0, TOP))


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, max_size=10))
def test_adding_and_removing_is_set_arithmetic(steps: list[tuple[bool, int, int]]) -> None:
    LIST.region_count = 0
    expected: set[int] = set()
    for add, first, last in steps:
        if add:
            LIST.add(u64(first * FRAME), u64(last * FRAME))
            expected |= set(range(first, last))
        else:
            LIST.remove(u64(first * FRAME), u64(last * FRAME))
            expected -= set(range(first, last))
        assert_sane()
        assert frames() == expected


def test_partial_frames_are_not_used_and_spoil_what_they_touch() -> None:
    LIST.add(u64(1), u64(4 * FRAME - 1))
    assert content() == [(FRAME, 3 * FRAME)]
    LIST.remove(u64(2 * FRAME + 5), u64(2 * FRAME + 6))
    assert content() == [(FRAME, 2 * FRAME)]


def put(entries: list[tuple[int, int, int]]) -> None:
    INFO.region_count = len(entries)
    for number, (base, length, kind) in enumerate(entries):
        INFO.regions[number].base = Hpa(base)
        INFO.regions[number].length = length
        INFO.regions[number].kind = kind


USABLE, RESERVED = MemoryKind.USABLE.value, MemoryKind.RESERVED.value


def test_an_unsorted_overlapping_map_gives_what_all_entries_agree_on() -> None:
    put(
        [
            (0x10_0000, 0x30_0000, USABLE),
            (0x20_0000, 0x1000, RESERVED),
            (0, 0x9_FC00, USABLE),
            (0x38_0000, 0x10_0000, USABLE),
            (0x3F_F000, 0x1000, 77),
            (0x10_0000, 0, RESERVED),
        ]
    )
    usable_regions(INFO, LIST)
    assert content() == [
        (0, 0x9_F000),
        (0x10_0000, 0x20_0000),
        (0x20_1000, 0x3F_F000),
        (0x40_0000, 0x48_0000),
    ]


def test_lengths_that_wrap_are_cut() -> None:
    put([(0x10_0000, (1 << 64) - 1, USABLE), ((1 << 64) - FRAME, (1 << 64) - 1, RESERVED)])
    usable_regions(INFO, LIST)
    assert content() == [(0x10_0000, 1 << 52)]


def test_a_count_beyond_the_map_is_cut() -> None:
    put([(0, 0x1000, USABLE)])
    INFO.region_count = u32(0xFFFF_FFFF)
    usable_regions(INFO, LIST)
    assert content() == [(0, 0x1000)]


def test_a_full_list_loses_memory_but_never_invents_it() -> None:
    for number in range(REGIONS_MAX):
        LIST.add(u64(4 * number * FRAME), u64((4 * number + 3) * FRAME))
    before = frames()
    LIST.add(u64(1 << 40), u64((1 << 40) + FRAME))
    assert frames() == before
    LIST.remove(u64(FRAME), u64(2 * FRAME))
    assert frames() == before - {1, 2}


@pytest.mark.parametrize("length", [0, 1, FRAME - 1])
def test_less_than_a_frame_is_nothing(length: int) -> None:
    LIST.add(u64(0), u64(length))
    assert content() == []
