"""What units have refused reaches the log: a few lines a second, and the number of the rest."""

import pytest

from codegen.lang import u16
from hypervisor.dma.dma import dma_attach
from hypervisor.dma.faults import DMA_FAULTS, FAULTS_MAX, LINES_PER_SECOND, poll_dma_faults
from tests.iommu.amdvi_model import AmdviModel
from tests.iommu.execution import Run, everywhere
from tests.iommu.machine import FRAME, KINDS, buffers, map_frame, start
from tests.iommu.vtd_model import RECORDS

DEVICE, FAR = 0x10, 0x300

both = pytest.mark.parametrize("name", ["VT-d", "AMD-Vi"])


@everywhere
@both
def test_a_refusal_is_told_with_its_device_and_address(run: Run, name: str) -> None:
    model, log = start(run, KINDS[name])
    frames = buffers(2)
    assert run(dma_attach, u16(DEVICE)) is None
    assert map_frame(run, DEVICE, frames[0], False) is None
    before = len(log.lines())
    run(poll_dma_faults)
    assert len(log.lines()) == before
    assert model.reaches(DEVICE, frames[0], False) and not model.reaches(DEVICE, frames[0], True)
    run(poll_dma_faults)
    model.reaches(FAR, 0x1234_5000, False)
    run(poll_dma_faults)
    run(poll_dma_faults)
    told = log.lines()[before:]
    assert [line[line.index("DMA") :] for line in told] == [
        f"DMA refused: 00:02.0 WRITE at {frames[0]:#x}, reason {5 if name == 'VT-d' else 2}",
        f"DMA refused: 03:00.0 {'READ' if name == 'VT-d' else 'ACCESS'} at 0x12345000, "
        f"reason {1 if name == 'VT-d' else 2}",
    ]
    assert int(DMA_FAULTS.refused) == 2


@everywhere
@both
def test_a_storm_floods_neither_the_log_nor_the_unit(run: Run, name: str) -> None:
    model, log = start(run, KINDS[name])
    kept = RECORDS if name == "VT-d" else FAULTS_MAX - 1
    for storm in range(1, 4):
        before = len(log.lines())
        for number in range(300):
            model.reaches(FAR, number * FRAME, True)
        run(poll_dma_faults)
        told = log.lines()[before:]
        assert len(told) == LINES_PER_SECOND + 1
        rest = kept - LINES_PER_SECOND
        assert f"{rest} more times in this second, and more that the IOMMU did not keep" in told[-1]
        assert int(DMA_FAULTS.refused) == storm * kept


@everywhere
def test_many_refusals_that_all_found_a_place_are_counted(run: Run) -> None:
    model, log = start(run, KINDS["AMD-Vi"])
    for _ in range(40):  # the log's end is passed on the way
        before = len(log.lines())
        for number in range(10):
            model.reaches(FAR, number * FRAME, True)
        run(poll_dma_faults)
        assert log.lines()[before:][-1].endswith("DMA refused: 6 more times in this second")
    assert int(DMA_FAULTS.refused) == 400


@everywhere
def test_events_of_other_kinds_are_told_too(run: Run) -> None:
    model, log = start(run, KINDS["AMD-Vi"])
    assert isinstance(model, AmdviModel)
    for code in range(1, 16):
        model.event(DEVICE | (1 << 64) - 1 & ~0xFFFF & ~(15 << 60) | code << 60, (1 << 64) - 1)
        run(poll_dma_faults)
        assert f"00:02.0 {'WRITE' if code == 2 else 'ACCESS'} at 0xffffffffffffffff, reason {code}" in log.lines()[-1]
