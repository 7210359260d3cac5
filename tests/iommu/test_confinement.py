import random

import pytest

from codegen.lang import Hpa, host, u8, u16, u32, u64
from hypervisor.dma.dma import dma_attach, dma_detach, dma_map, dma_unmap
from hypervisor.dma.error import DmaError
from hypervisor.dma.start import iommu_start
from hypervisor.dma.withdraw import dma_admit, dma_withdraw
from hypervisor.memory.frames import allocate_frame, allocate_runs, free_bytes
from hypervisor.memory.owner import Owner, guest_ram_owner, guest_tables_owner
from tests.iommu import amdvi_model
from tests.iommu.execution import Run, everywhere, natively
from tests.iommu.firmware import INFO, MIB, alias, dmar, drhd, ivhd, ivmd, ivrs, rmrr, scope, start_machine
from tests.iommu.machine import (
    AMDVI_BASE,
    FRAME,
    KINDS,
    VTD_BASE,
    VTD_KINDS,
    Kind,
    buffers,
    map_frame,
    rights,
    start,
    unmap_frame,
)
from tests.iommu.vtd_model import TE, VtdModel
from tests.played_guest.log import MonitorLog

DEVICE, OTHER, FAR = 0x10, 0x18, 0x300  # 00:02.0, 00:03.0, 03:00.0

kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@everywhere
@kinds
def test_a_device_reaches_what_is_mapped_for_it_and_nothing_else(run: Run, kind: Kind) -> None:
    model, log = start(run, kind)
    assert [line for line in log.lines() if "every device is denied" in line] != []
    frames = buffers(4)
    assert rights(model, DEVICE, frames) == ["", "", "", ""]
    assert run(dma_attach, u16(DEVICE)) is None
    assert rights(model, DEVICE, frames) == ["", "", "", ""]
    assert run(dma_map, u16(DEVICE), Hpa(frames[0]), u64(2 * FRAME), True, u8(Owner.DMA)) is None
    assert map_frame(run, DEVICE, frames[2], False) is None
    assert rights(model, DEVICE, frames) == ["rw", "rw", "r", ""]
    assert rights(model, OTHER, frames) == rights(model, FAR, frames) == ["", "", "", ""]
    assert run(dma_unmap, u16(DEVICE), Hpa(frames[1]), u64(2 * FRAME)) is None
    assert rights(model, DEVICE, frames) == ["rw", "", "", ""]
    assert run(dma_detach, u16(DEVICE)) is None
    assert rights(model, DEVICE, frames) == ["", "", "", ""]


@everywhere
@kinds
def test_any_order_of_calls_leaves_what_plain_books_say(run: Run, kind: Kind) -> None:
    """All is looked at after each step, so the unit remembers everything that it may."""
    model, _ = start(run, kind)
    chance = random.Random(7)
    frames = buffers(3)
    books: dict[int, dict[int, str]] = {}
    for _ in range(60):
        device, frame = chance.choice((DEVICE, OTHER, FAR)), chance.choice(frames)
        attached, mapped = device in books, books.get(device, {})
        match chance.choice(("map", "map", "map", "unmap", "unmap", "attach", "detach")):
            case "attach":
                assert run(dma_attach, u16(device)) == (DmaError.ATTACHED if attached else None)
                books.setdefault(device, {})
            case "detach":
                assert run(dma_detach, u16(device)) == (None if attached else DmaError.NOT_ATTACHED)
                books.pop(device, None)
            case "unmap":
                assert unmap_frame(run, device, frame) == (None if attached else DmaError.NOT_ATTACHED)
                mapped.pop(frame, None)
            case _:
                writable = chance.random() < 0.5
                wanted = DmaError.MAPPED if frame in mapped else None if attached else DmaError.NOT_ATTACHED
                assert map_frame(run, device, frame, writable) == wanted
                if wanted is None:
                    mapped[frame] = "rw" if writable else "r"
        for each in (DEVICE, OTHER, FAR):
            assert rights(model, each, frames) == [books.get(each, {}).get(place, "") for place in frames]


@everywhere
@kinds
def test_a_device_that_goes_leaves_no_table_behind(run: Run, kind: Kind) -> None:
    model, _ = start(run, kind)
    frames = buffers(1)
    left = []
    for _ in range(3):
        assert run(dma_attach, u16(DEVICE)) is None
        assert map_frame(run, DEVICE, frames[0], True) is None
        assert rights(model, DEVICE, frames) == ["rw"]
        assert run(dma_detach, u16(DEVICE)) is None
        left.append(int(free_bytes()))
    assert left == left[:1] * 3  # the table of the bus stays


@everywhere
@kinds
def test_a_guest_that_goes_is_out_of_reach_of_all_devices(run: Run, kind: Kind) -> None:
    model, _ = start(run, kind)
    owner, other = guest_ram_owner(u32(3)), guest_ram_owner(u32(4))
    rams = []
    for each in (owner, other):
        ram = allocate_runs(u64(2), each)
        assert ram is not None
        rams.append(int(ram))
    places = [rams[0], rams[0] + 3 * MIB, rams[1], buffers(1)[0]]
    for device in (DEVICE, FAR):
        assert run(dma_attach, u16(device)) is None
        assert run(dma_map, u16(device), Hpa(rams[0]), u64(4 * MIB), True, owner) is None
        assert run(dma_map, u16(device), Hpa(rams[1]), u64(FRAME), False, other) is None
        assert map_frame(run, device, places[3], True) is None
        assert rights(model, device, places) == ["rw", "rw", "r", "rw"]
    assert run(dma_withdraw, owner) is None
    for device in (DEVICE, FAR):
        assert rights(model, device, places) == ["", "", "r", "rw"]
    assert map_frame(run, DEVICE, places[0], True, owner) == DmaError.FOREIGN
    run(dma_admit, owner)
    assert map_frame(run, DEVICE, places[0], True, owner) is None
    assert rights(model, DEVICE, places) == ["rw", "", "r", "rw"]


@everywhere
@pytest.mark.parametrize("kind", [KINDS["VT-d"], KINDS["AMD-Vi"]], ids=["VT-d", "AMD-Vi"])
def test_what_is_not_the_owners_or_no_frame_is_refused(run: Run, kind: Kind) -> None:
    model, _ = start(run, kind)
    frames = buffers(2)
    monitor = allocate_frame(u8(Owner.MONITOR))
    tables = allocate_frame(guest_tables_owner(u32(0)))
    assert monitor is not None and tables is not None
    assert map_frame(run, DEVICE, frames[0], True) == DmaError.NOT_ATTACHED
    assert run(dma_detach, u16(DEVICE)) == DmaError.NOT_ATTACHED
    assert run(dma_attach, u16(DEVICE)) is None
    assert run(dma_attach, u16(DEVICE)) == DmaError.ATTACHED
    for owner in range(256):
        assert map_frame(run, DEVICE, int(monitor), True, u8(owner)) == DmaError.FOREIGN
        assert map_frame(run, DEVICE, int(tables), True, u8(owner)) == DmaError.FOREIGN
    assert map_frame(run, DEVICE, 0x7FFF_F000, True) == DmaError.FOREIGN
    for start_at, size in ((1, FRAME), (0, 0), (0, 1), (2**64 - FRAME, FRAME), (0, 2**64 - FRAME), (1 << 48, FRAME)):
        assert run(dma_map, u16(DEVICE), Hpa(start_at), u64(size), True, u8(Owner.DMA)) == DmaError.MISALIGNED
        assert run(dma_unmap, u16(DEVICE), Hpa(start_at), u64(size)) == DmaError.MISALIGNED
    assert run(dma_map, u16(DEVICE), Hpa(frames[1]), u64(2 * FRAME), True, u8(Owner.DMA)) == DmaError.FOREIGN
    assert rights(model, DEVICE, [*frames, int(monitor), int(tables)]) == [""] * 4


@everywhere
def test_no_domain_is_left_after_the_last_one(run: Run) -> None:
    start(run, KINDS["VT-d"])
    for number in range(32):
        assert run(dma_attach, u16(number)) is None
    assert run(dma_attach, u16(32)) == DmaError.NO_DOMAIN
    assert run(dma_detach, u16(5)) is None
    assert run(dma_attach, u16(32)) is None


@everywhere
def test_every_unit_is_told_and_another_segment_stays_denied(run: Run) -> None:
    near, far, elsewhere = (VtdModel(VTD_KINDS["VT-d"], VTD_BASE + number * 0x1_0000) for number in range(3))
    units = [drhd(VTD_BASE), drhd(VTD_BASE + 0x1_0000), drhd(VTD_BASE + 0x2_0000, segment=1)]
    start_machine([dmar(*units)])
    run(iommu_start, INFO)
    frames = buffers(1)
    assert run(dma_attach, u16(DEVICE)) is None
    for writable in (True, False):
        assert map_frame(run, DEVICE, frames[0], writable) is None
        assert rights(near, DEVICE, frames) == rights(far, DEVICE, frames) == ["rw" if writable else "r"]
        assert rights(elsewhere, DEVICE, frames) == [""] and elsewhere.status & TE
        assert unmap_frame(run, DEVICE, frames[0]) is None
        assert rights(near, DEVICE, frames) == rights(far, DEVICE, frames) == [""]


@everywhere
def test_the_requests_of_an_alias_are_those_of_its_device(run: Run) -> None:
    model = amdvi_model.AmdviModel(amdvi_model.Kind())
    start_machine([ivrs(ivhd(AMDVI_BASE, alias(DEVICE, FAR)))])
    natively(iommu_start, INFO)
    frames = buffers(1)
    assert run(dma_attach, u16(DEVICE)) is None
    assert map_frame(run, DEVICE, frames[0], True) is None
    assert rights(model, DEVICE, frames) == rights(model, FAR, frames) == ["rw"]
    assert run(dma_attach, u16(FAR)) == DmaError.ATTACHED
    assert run(dma_detach, u16(DEVICE)) is None
    assert rights(model, DEVICE, frames) == rights(model, FAR, frames) == [""]


@everywhere
@pytest.mark.parametrize("name", ["VT-d", "AMD-Vi"])
def test_a_reserved_range_stays_open_until_a_driver_comes_unless_it_is_ram(run: Run, name: str) -> None:
    ranges = [0x7F00_0000, 0x10_0000]
    if name == "VT-d":
        named = [rmrr(base, base + 2 * FRAME - 1, scope(0, 2, 0)) for base in ranges]
    else:
        named = [ivmd(DEVICE, base, 2 * FRAME) for base in ranges]
    model, log = start(run, KINDS[name], *named)
    places = [ranges[0], ranges[0] + FRAME, ranges[0] + 2 * FRAME, ranges[1]]
    assert rights(model, DEVICE, places) == ["rw", "rw", "", ""]
    assert rights(model, OTHER, places) == [""] * 4
    assert any("00:02.0 does not keep 0x100000" in line for line in log.lines())
    assert run(dma_attach, u16(DEVICE)) is None
    assert rights(model, DEVICE, places) == [""] * 4


@everywhere
def test_without_an_iommu_the_rules_are_the_same_and_the_log_says_so(run: Run) -> None:
    start_machine([])
    log = MonitorLog()
    run(iommu_start, INFO)
    assert any("no IOMMU: DMA of devices is not confined" in line for line in log.lines())
    frames = buffers(1)
    assert map_frame(run, DEVICE, frames[0], True) == DmaError.NOT_ATTACHED
    assert run(dma_attach, u16(DEVICE)) is None
    assert map_frame(run, DEVICE, frames[0], True, u8(Owner.MONITOR)) == DmaError.FOREIGN
    assert map_frame(run, DEVICE, frames[0], True) is None
    assert unmap_frame(run, DEVICE, frames[0]) is None
    assert run(dma_detach, u16(DEVICE)) is None
    assert host.memory.read(Hpa(frames[0]), FRAME) == bytes(FRAME)
