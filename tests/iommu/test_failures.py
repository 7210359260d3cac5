"""Units that do not answer, refuse, or are not there: the machine goes on, and says what it means."""

import pytest

from codegen.lang import Hpa, u8, u16, u32, u64
from drivers.iommu.reported import IommuKind
from hypervisor.dma.dma import dma_attach, dma_detach, dma_map, dma_unmap
from hypervisor.dma.domain import IOMMU
from hypervisor.dma.error import DmaError
from hypervisor.dma.start import iommu_start
from hypervisor.dma.withdraw import dma_withdraw
from hypervisor.memory.frames import allocate_frame, allocate_runs
from hypervisor.memory.owner import Owner, guest_ram_owner
from tests.iommu import amdvi_model
from tests.iommu.amdvi_model import AmdviModel
from tests.iommu.execution import Run, everywhere, natively
from tests.iommu.firmware import INFO, MIB, dmar, drhd, ivhd, ivrs, start_machine
from tests.iommu.machine import (
    AMDVI_BASE,
    DRIVERS,
    FRAME,
    KINDS,
    VTD_BASE,
    VTD_KINDS,
    buffers,
    map_frame,
    rights,
    start,
    unmap_frame,
)
from tests.iommu.vtd_model import Kind, VtdModel
from tests.played_guest.log import MonitorLog

DEVICE, OTHER = 0x10, 0x18
FAILING = [("VT-d", "queue"), ("VT-d without a queue", "registers"), ("AMD-Vi", "commands")]


def started(run: Run, *tables: bytes) -> list[str]:
    start_machine(tables)
    log = MonitorLog()
    run(iommu_start, INFO)
    return log.lines()


@pytest.mark.parametrize("dead", ["commands", "queue", "registers", "protected"])
def test_a_vtd_unit_that_is_dead_at_the_start_is_left_alone(dead: str) -> None:
    model = VtdModel(Kind(queue=dead != "registers", protected=True), VTD_BASE)
    model.dead.add(dead)
    lines = started(natively, dmar(drhd(VTD_BASE)))
    assert "VT-d at 0xfed90000: DOES_NOT_ANSWER: DMA of its devices is not confined" in "\n".join(lines)
    assert "no IOMMU" in lines[-1]
    assert IOMMU.kind == IommuKind.NONE and int(IOMMU.unconfined) == 1


@pytest.mark.parametrize("dead", ["control", "commands"])
def test_an_amdvi_unit_that_is_dead_at_the_start_is_left_alone(dead: str) -> None:
    AmdviModel(amdvi_model.Kind(), AMDVI_BASE).dead.add(dead)
    lines = started(natively, ivrs(ivhd(AMDVI_BASE)))
    assert "AMD-Vi at 0xfeb80000: DOES_NOT_ANSWER: DMA of its devices is not confined" in "\n".join(lines)
    assert IOMMU.kind == IommuKind.NONE and int(IOMMU.unconfined) == 1


@everywhere
def test_a_unit_that_is_not_there_or_lies_in_ram_is_left_out_and_the_others_run(run: Run) -> None:
    VtdModel(VTD_KINDS["VT-d"], VTD_BASE)
    bases = [VTD_BASE + 0x1_0000, 2 * MIB, 0, VTD_BASE + 8, 1 << 46, 2**64 - 4096, VTD_BASE]
    lines = started(run, dmar(*map(drhd, bases)))
    text = "\n".join(lines)
    assert text.count("BAD_ADDRESS") == 5 and text.count("NOT_THERE") == 1
    assert lines[-1].endswith("VT-d at 0xfed90000: every device is denied")
    assert (int(IOMMU.unit_count), int(IOMMU.unconfined)) == (1, 6)


@everywhere
@pytest.mark.parametrize(("name", "part"), FAILING)
def test_a_unit_that_dies_is_waited_for_once_and_nothing_is_used_again(run: Run, name: str, part: str) -> None:
    model, log = start(run, KINDS[name])
    frames = buffers(2)
    for device in (DEVICE, OTHER):
        assert run(dma_attach, u16(device)) is None
        assert map_frame(run, device, frames[0], True) is None
    model.dead.add(part)
    assert natively(dma_unmap, u16(DEVICE), Hpa(frames[0]), u64(FRAME)) == DmaError.UNIT_FAILED
    polls = []
    model.read = lambda offset, width: polls.append(offset) or 0  # type: ignore[method-assign, func-returns-value]
    assert run(dma_detach, u16(DEVICE)) == DmaError.UNIT_FAILED
    assert run(dma_attach, u16(DEVICE)) == DmaError.UNIT_FAILED
    assert map_frame(run, DEVICE, frames[1], True) == DmaError.NOT_ATTACHED
    assert unmap_frame(run, OTHER, frames[0]) == DmaError.UNIT_FAILED
    assert run(dma_attach, u16(0x20)) == DmaError.UNIT_FAILED
    assert map_frame(run, 0x20, frames[1], True) == DmaError.NOT_ATTACHED
    assert polls == []
    assert all("memory that devices give back is not used again" in line for line in log.lines()[-4:])


@everywhere
@pytest.mark.parametrize(("name", "part"), FAILING)
def test_an_attach_that_fails_leaves_the_device_denied(run: Run, name: str, part: str) -> None:
    model, _ = start(run, KINDS[name])
    frames = buffers(1)
    model.refuses = True
    assert run(dma_attach, u16(DEVICE)) == DmaError.UNIT_FAILED
    assert map_frame(run, DEVICE, frames[0], True) == DmaError.NOT_ATTACHED
    assert run(dma_detach, u16(DEVICE)) == DmaError.NOT_ATTACHED
    assert run(dma_attach, u16(DEVICE)) == DmaError.UNIT_FAILED
    assert rights(model, DEVICE, frames) == [""]


@everywhere
@pytest.mark.parametrize("name", ["VT-d", "AMD-Vi"])
def test_a_guests_ram_that_may_still_be_reached_is_told_of(run: Run, name: str) -> None:
    model, _ = start(run, KINDS[name])
    owner = guest_ram_owner(u32(0))
    ram = allocate_runs(u64(1), owner)
    assert ram is not None
    assert run(dma_attach, u16(DEVICE)) is None
    assert run(dma_map, u16(DEVICE), ram, u64(FRAME), True, owner) is None
    model.refuses = True
    assert run(dma_withdraw, owner) == DmaError.UNIT_FAILED


@everywhere
@pytest.mark.parametrize("name", ["VT-d", "VT-d without a queue", "AMD-Vi"])
def test_a_map_without_frames_for_its_tables_changes_nothing(run: Run, name: str) -> None:
    model, _ = start(run, KINDS[name])
    frames = buffers(1)
    assert run(dma_attach, u16(DEVICE)) is None
    while allocate_frame(u8(Owner.MONITOR)) is not None:
        pass
    assert run(dma_map, u16(DEVICE), Hpa(frames[0]), u64(FRAME), True, DRIVERS) == DmaError.NO_FRAME
    assert rights(model, DEVICE, frames) == [""]
