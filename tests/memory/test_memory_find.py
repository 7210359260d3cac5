import pytest

from boot.info import BootInfo, MemoryKind
from boot.load.load import LOW_MEMORY_END
from codegen.lang import Hpa, storage, u8, u32, u64
from hypervisor.console.kept_log import KEPT_LOG_BASE, KEPT_LOG_END
from hypervisor.memory.frames import FRAME, allocate_frame, frames_start, owner_of
from hypervisor.memory.memory_start import memory_find
from hypervisor.memory.owner import Owner

INFO = storage(BootInfo)
MIB = 1 << 20
MONITOR = u8(Owner.MONITOR)


def info(*regions: tuple[int, int, MemoryKind]) -> BootInfo:
    INFO.zero()
    INFO.image_base, INFO.image_size = Hpa(16 * MIB), u64(4 * MIB)
    INFO.archive_base, INFO.archive_size = Hpa(32 * MIB), u64(MIB)
    INFO.region_count = len(regions)
    for i, (base, end, kind) in enumerate(regions):
        INFO.regions[i].base, INFO.regions[i].length = Hpa(base), u64(end - base)
        INFO.regions[i].kind = u32(kind)
    return INFO


def test_the_kept_logs_frames_are_nobodys_and_never_given() -> None:
    assert memory_find(info((0, 0xA0000, MemoryKind.USABLE), (MIB, 64 * MIB, MemoryKind.USABLE)))
    assert frames_start()
    given = set()
    while (frame := allocate_frame(MONITOR)) is not None:
        given.add(int(frame))
    assert given and not given & set(range(KEPT_LOG_BASE, KEPT_LOG_END, FRAME))
    assert {int(owner_of(Hpa(hpa))) for hpa in range(KEPT_LOG_BASE, KEPT_LOG_END, FRAME)} == {int(u8(Owner.NONE))}
    assert {KEPT_LOG_BASE - FRAME, KEPT_LOG_END} <= given


@pytest.mark.parametrize("kind", [MemoryKind.RESERVED, MemoryKind.ACPI_NVS, MemoryKind.BAD])
def test_where_the_firmware_wants_the_place_there_is_no_log_in_it(kind: MemoryKind) -> None:
    taken = (KEPT_LOG_END - FRAME, KEPT_LOG_END, kind)
    assert not memory_find(info((MIB, 64 * MIB, MemoryKind.USABLE), taken))
    assert not memory_find(info((2 * MIB, 64 * MIB, MemoryKind.USABLE)))


def test_nor_where_the_loader_has_put_something() -> None:
    boot = info((MIB, 64 * MIB, MemoryKind.USABLE))
    boot.archive_base = Hpa(KEPT_LOG_BASE + FRAME)
    assert not memory_find(boot)


def test_the_loaders_put_nothing_there() -> None:
    assert KEPT_LOG_END <= LOW_MEMORY_END
