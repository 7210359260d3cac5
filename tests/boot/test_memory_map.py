import pytest
from hypothesis import given
from hypothesis import strategies as st

from boot.bios.e820 import BiosDataArea, E820Entry, keep_ebda, take_entry
from boot.info import MEMORY_REGIONS_MAX, BootInfo, MemoryKind
from boot.load.memory_map import add_region, find_room, is_free
from codegen.lang import Local, u32, u64

MIB = 1 << 20
USABLE, RESERVED = 1, 2


def memory_map(*regions: tuple[int, int, int]) -> BootInfo:
    info = Local(BootInfo)
    for base, length, kind in regions:
        assert add_region(info, u64(base), u64(length), u32(kind))
    return info


def room(info: BootInfo, floor: int, size: int, align: int = 4096) -> int | None:
    place = find_room(info, u64(floor), u64(size), u64(align))
    return None if place is None else int(place)


def test_room_starts_at_the_floor_when_that_is_free() -> None:
    info = memory_map((0, 640 << 10, USABLE), (MIB, 63 * MIB, USABLE))
    assert room(info, 16 * MIB, 4 * MIB, 2 * MIB) == 16 * MIB


def test_room_lies_behind_a_reserved_hole() -> None:
    info = memory_map((MIB, 255 * MIB, USABLE), (15 * MIB, 5 * MIB + 1, RESERVED))
    assert room(info, 16 * MIB, 4 * MIB, 2 * MIB) == 22 * MIB


def test_room_is_found_in_an_unsorted_map() -> None:
    info = memory_map((64 * MIB, 64 * MIB, USABLE), (MIB, 7 * MIB, USABLE), (96 * MIB, MIB, 3))
    assert room(info, 16 * MIB, 40 * MIB) is None
    assert room(info, 16 * MIB, 31 * MIB) == 64 * MIB


def test_nothing_is_placed_across_4_gib() -> None:
    info = memory_map(((4 << 30) - MIB, 512 * MIB, USABLE))
    assert room(info, 16 * MIB, 2 * MIB) is None
    assert room(info, 16 * MIB, MIB) == (4 << 30) - MIB


def test_an_overlap_of_another_kind_is_not_free() -> None:
    info = memory_map((0, 64 * MIB, USABLE), (32 * MIB, 4096, 17))
    assert is_free(info, u64(16 * MIB), u64(16 * MIB))
    assert not is_free(info, u64(16 * MIB), u64(16 * MIB + 1))


def test_a_length_past_the_end_of_the_address_space_is_cut() -> None:
    info = memory_map(((1 << 64) - 4096, 1 << 63, RESERVED))
    assert info.regions[u32(0)].length == 4095


def test_empty_regions_are_dropped() -> None:
    info = memory_map((MIB, 0, USABLE))
    assert info.region_count == 0


def test_a_full_map_takes_no_more() -> None:
    info = memory_map(*[(index * 8192, 4096, RESERVED) for index in range(MEMORY_REGIONS_MAX)])
    assert not add_region(info, u64(1 << 40), u64(4096), u32(RESERVED))
    assert info.region_count == MEMORY_REGIONS_MAX


regions = st.lists(st.tuples(st.integers(0, 64), st.integers(0, 32), st.integers(1, 3)), max_size=8)


@given(regions, st.integers(0, 64), st.integers(1, 16), st.sampled_from([1, 2, 4]))
def test_room_is_usable_ram_and_nothing_else(
    entries: list[tuple[int, int, int]], floor: int, size: int, align: int
) -> None:
    info = memory_map(*[(base << 12, length << 12, kind) for base, length, kind in entries])
    place = room(info, floor << 12, size << 12, align << 12)
    if place is None:
        return
    assert place % (align << 12) == 0 and place >= floor << 12
    for page in range(place >> 12, (place >> 12) + size):
        kinds = {kind for base, length, kind in entries if base <= page < base + length}
        assert kinds == {USABLE}


@pytest.mark.parametrize(
    ("segment", "kib", "low"),
    [(0x9FC0, 639, 0x9FC00), (0x9D80, 639, 0x9D800), (0x9FC0, 620, 0x9B000), (0, 0, 0x9FC00), (0xFFFF, 0, 0x9FC00)],
)
def test_the_ebda_is_reserved_up_to_video_memory(segment: int, kib: int, low: int) -> None:
    info = memory_map((0, 0xA0000, USABLE))
    data = Local(BiosDataArea)
    data.ebda_segment = segment
    data.low_memory_kib = kib
    keep_ebda(info, data)
    region = info.regions[u32(1)]
    assert (int(region.base), int(region.length), int(region.kind)) == (low, 0xA0000 - low, MemoryKind.RESERVED.value)


def test_an_entry_that_the_firmware_withdraws_is_ignored() -> None:
    info = memory_map()
    entry = Local(E820Entry)
    entry.base = MIB
    entry.length = MIB
    entry.kind = USABLE
    assert take_entry(info, entry, u32(24))
    assert info.region_count == 0
    assert take_entry(info, entry, u32(20))
    assert info.region_count == 1
