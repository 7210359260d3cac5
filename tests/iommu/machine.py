"""A machine with one IOMMU, or several, whose units are models; started as the monitor starts it."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.lang import Hpa, u8, u16, u32, u64
from hypervisor.dma.dma import dma_map, dma_unmap
from hypervisor.dma.error import DmaError
from hypervisor.dma.start import iommu_start
from hypervisor.memory.frames import allocate_frames
from hypervisor.memory.owner import Owner
from tests.iommu import amdvi_model, vtd_model
from tests.iommu.amdvi_model import AmdviModel
from tests.iommu.execution import Run, natively
from tests.iommu.firmware import INFO, dmar, drhd, ivhd, ivrs, start_machine
from tests.iommu.vtd_model import VtdModel
from tests.played_guest.log import MonitorLog

FRAME = 4096
DRIVERS = u8(Owner.DMA)
VTD_BASE, AMDVI_BASE = 0xFED9_0000, 0xFEB8_0000
Kind = vtd_model.Kind | amdvi_model.Kind
Model = VtdModel | AmdviModel

VTD_KINDS = {
    "VT-d": vtd_model.Kind(),
    "VT-d that remembers absence": vtd_model.Kind(caching=True),
    "VT-d with a write buffer": vtd_model.Kind(flush_writes=True),
    "VT-d that does not snoop": vtd_model.Kind(coherent=False),
    "VT-d without a queue": vtd_model.Kind(queue=False, drains=False),
    "VT-d of three levels": vtd_model.Kind(levels=3, protected=True),
    "VT-d with all of it": vtd_model.Kind(False, True, False, False, 3, True, True),
}
AMDVI_KINDS = {
    "AMD-Vi": amdvi_model.Kind(),
    "AMD-Vi that remembers absence": amdvi_model.Kind(caches_absence=True),
}
KINDS: dict[str, Kind] = {**VTD_KINDS, **AMDVI_KINDS}


def start(run: Run, kind: Kind, *more: bytes) -> tuple[Model, MonitorLog]:
    """One unit of this kind; `more`: structures of its ACPI table. A device table of 2 MiB is always filled natively:
    CPython needs half a minute for it."""
    if isinstance(kind, vtd_model.Kind):
        model: Model = VtdModel(kind)
        start_machine([dmar(drhd(VTD_BASE), *more)])
    else:
        model = AmdviModel(kind)
        start_machine([ivrs(ivhd(AMDVI_BASE), *more)])
        run = natively
    log = MonitorLog()
    run(iommu_start, INFO)
    return model, log


def buffers(count: int) -> list[int]:
    """Frames of our drivers."""
    first = allocate_frames(u32(count), u8(Owner.DMA))
    assert first is not None
    return [int(first) + number * FRAME for number in range(count)]


def map_frame(run: Run, device: int, frame: int, writable: bool, owner: u8 = DRIVERS) -> DmaError | None:
    result: DmaError | None = run(dma_map, u16(device), Hpa(frame), u64(FRAME), writable, owner)
    return result


def unmap_frame(run: Run, device: int, frame: int) -> DmaError | None:
    result: DmaError | None = run(dma_unmap, u16(device), Hpa(frame), u64(FRAME))
    return result


def rights(model: Model, device: int, frames: Sequence[int]) -> list[str]:
    """What the device can do with each frame: "", "r", "rw"."""
    return [
        "r" * model.reaches(device, frame + 8, False) + "w" * model.reaches(device, frame + 4088, True)
        for frame in frames
    ]
