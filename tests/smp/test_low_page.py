from __future__ import annotations

import pytest

from boot.info import BootInfo, MemoryKind
from codegen.asm.stub import assemble_stub
from codegen.lang import Hpa, phys, storage, u64
from hypervisor.cpu.smp.low_page import low_page, release_tables, start_tables
from hypervisor.cpu.smp.trampoline import TEXT_BYTES, TrampolineData, trampoline_text
from hypervisor.memory.frames import FRAMES, frames_start
from hypervisor.memory.page_table import TABLES, PageTable, translate

INFO = storage(BootInfo)
USABLE, RESERVED = MemoryKind.USABLE.value, MemoryKind.RESERVED.value
MIB = 1 << 20
PAGE = Hpa(0x9D000)


def page_of(*regions: tuple[int, int, int]) -> int | None:
    INFO.region_count = len(regions)
    for number, (base, end, kind) in enumerate(regions):
        INFO.regions[number].base = Hpa(base)
        INFO.regions[number].length = end - base
        INFO.regions[number].kind = kind
    found = low_page(INFO)
    return None if found is None else int(found)


MAPS = {
    "a PC's": ([(0, 0x9FC00, USABLE), (0x9FC00, 0xA0000, RESERVED), (MIB, 64 * MIB, USABLE)], 0x10000),
    "a part that does not begin with a frame": ([(0x20800, 0x90000, USABLE)], 0x21000),
    "one frame between the firmware's": ([(0, 0x9FC00, USABLE), (0x10000, 0x50001, RESERVED)], 0x51000),
    "the last whole frame": ([(0x9E800, 0x9FFFF, USABLE), (0x9E000, 0xA0000, USABLE)], 0x9E000),
    "no frame that is whole": ([(0x9F400, 0xA0000, USABLE)], None),
    "the first 64 KiB only": ([(0, 0x10000, USABLE)], None),
    "all above 1 MiB": ([(MIB, 64 * MIB, USABLE)], None),
    "video memory called RAM": ([(0xA0000, 0x100000, USABLE)], None),
    "overlapped by ACPI": ([(0, 0xA0000, USABLE), (0, 0xA0000, MemoryKind.ACPI_NVS.value)], None),
    "an end beyond all addresses": ([(0, 0xA0000, USABLE), (0x20000, 1 << 64, RESERVED)], 0x10000),
}


@pytest.mark.parametrize("name", MAPS)
def test_the_page_is_one_that_the_firmware_gives_away(name: str) -> None:
    regions, expected = MAPS[name]
    assert page_of(*((base, min(end, base + (1 << 63)), kind) for base, end, kind in regions)) == expected


def test_the_starts_tables_add_the_page_executable_and_read_only_to_the_monitors() -> None:
    FRAMES.usable.add(u64(MIB), u64(16 * MIB))
    assert frames_start()
    TABLES.root = Hpa(0x1000)
    monitors = phys(PageTable, TABLES.root)
    for number in (256, 511):
        monitors.entries[number] = monitors.entries[number].replace(present=True, frame=u64(number))
    free = int(FRAMES.free_frames) + 512 * int(FRAMES.free_runs)
    root = start_tables(PAGE)
    assert root is not None and int(root) < 1 << 32
    assert [int(phys(PageTable, root).entries[number].frame) for number in (256, 511)] == [256, 511]
    assert not monitors.entries[0].present
    TABLES.root = root
    entry = translate(u64(PAGE))
    assert entry is not None and int(entry.frame) == int(PAGE) >> 12
    assert not entry.writable and not entry.no_execute and not entry.user
    for beside in (-4096, 4096):
        assert translate(u64(int(PAGE) + beside)) is None
    release_tables(root)
    assert int(FRAMES.free_frames) + 512 * int(FRAMES.free_runs) == free


def test_the_text_fits_before_its_data_and_the_data_into_the_page() -> None:
    assert len(assemble_stub(trampoline_text).code) <= TEXT_BYTES  # with the way to its address
    assert TEXT_BYTES + TrampolineData.__layout__.size <= 4096
