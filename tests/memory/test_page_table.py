import pytest

from codegen.lang import Hpa, host, u8, u64
from hypervisor.memory.frames import FRAMES, allocate_frame, frames_start
from hypervisor.memory.owner import Owner
from hypervisor.memory.page_table import (
    DEVICE,
    READ_EXECUTE,
    READ_WRITE,
    TABLES,
    PageEntry,
    map_pages,
    translate,
)

MIB = 1 << 20
GIB = 1 << 30
FRAME = 4096
BASE = 0xFFFF_8000_0000_0000


@pytest.fixture(autouse=True, params=[2, 3], ids=["2M", "1G"])
def tables(request: pytest.FixtureRequest, fresh_machine: None) -> None:
    FRAMES.usable.add(u64(MIB), u64(16 * MIB))
    assert frames_start()
    TABLES.root = Hpa(0x1000)
    TABLES.largest = request.param


def mapped(address: int) -> PageEntry:
    entry = translate(u64(address))
    assert entry is not None
    return entry


def frames_used() -> int:
    return 15 * MIB // FRAME - 1 - int(FRAMES.free_runs) * 512 - int(FRAMES.free_frames)


def test_every_page_leads_where_it_was_mapped() -> None:
    assert map_pages(u64(BASE + 3 * FRAME), Hpa(7 * FRAME), u64(5 * MIB), READ_WRITE)
    for offset in (0, FRAME, 2 * MIB, 5 * MIB - FRAME):
        assert int(mapped(BASE + 3 * FRAME + offset).frame) == 7 + offset // FRAME
    assert translate(u64(BASE + 2 * FRAME)) is None
    assert translate(u64(BASE + 3 * FRAME + 5 * MIB)) is None


def test_the_largest_pages_are_used() -> None:
    assert map_pages(u64(BASE), Hpa(0), u64(4 * GIB), READ_WRITE)
    assert frames_used() == (1 if int(TABLES.largest) == 3 else 5)
    assert int(mapped(BASE + 3 * GIB + 123 * FRAME).frame) == (3 * GIB) // FRAME + 123


def test_rights_are_kept_in_every_page() -> None:
    assert map_pages(u64(BASE), Hpa(0), u64(4 * MIB + FRAME), READ_EXECUTE)
    for offset in (0, 4 * MIB):
        entry = mapped(BASE + offset)
        assert not entry.writable and not entry.no_execute and not entry.user


def test_a_device_page_inside_a_large_page_changes_that_page_only() -> None:
    assert map_pages(u64(BASE), Hpa(0), u64(2 * GIB), READ_WRITE)
    place = 0x4010_3000
    assert map_pages(u64(BASE + place), Hpa(place), u64(FRAME), DEVICE)
    assert mapped(BASE + place).cache_disable
    for other in (place - FRAME, place + FRAME, place + 2 * MIB, 0x7FFF_F000):
        entry = mapped(BASE + other)
        assert not entry.cache_disable and entry.writable and entry.no_execute
        assert int(entry.frame) == other // FRAME


def test_without_frames_nothing_is_promised() -> None:
    while allocate_frame(u8(Owner.MONITOR)) is not None:
        pass
    assert not map_pages(u64(BASE), Hpa(0), u64(FRAME), READ_WRITE)
    assert host.memory.read(Hpa(0x1000), FRAME) == bytes(FRAME)
