"""What IOMMUs have refused, once a second: counted, and a few lines of it.

Units keep a bounded number of faults (a VT-d unit up to 256, often fewer; an AMD-Vi unit 255) and drop the rest; they
raise no interrupts. So a device in a storm costs the first processor that many register reads a second, and the log
LINES_PER_SECOND lines.
"""

from __future__ import annotations

from codegen.lang import Field, Local, Struct, fn, range, storage, u32, u64
from drivers.iommu.amdvi import AMDVI, AmdviUnit
from drivers.iommu.amdvi_faults import amdvi_faults_pending, amdvi_take_fault, amdvi_take_overflow
from drivers.iommu.fault import DmaFault
from drivers.iommu.vtd_faults import vtd_faults_pending, vtd_take_fault, vtd_take_overflow
from drivers.iommu.vtd_unit import VTD, VtdUnit
from hypervisor.console.log import warn

LINES_PER_SECOND = 4
FAULTS_MAX = 256  # of one unit in one round


class DmaFaults(Struct):
    """Since the start, and in this round."""

    refused: Field[u64]  # as far as the units have told
    lines: Field[u32]  # said in this round
    unsaid: Field[u32]
    lost: Field[bool]  # a unit had no place for more


DMA_FAULTS = storage(DmaFaults)


@fn
def poll_dma_faults() -> None:
    """Of the first processor. While all is quiet, one register of each VT-d unit and two of each AMD-Vi unit."""
    for i in range(VTD.unit_count):
        if VTD.units[i].on and vtd_faults_pending(VTD.units[i]):
            take_vtd_faults(VTD.units[i])
    for i in range(AMDVI.unit_count):
        if AMDVI.units[i].on and amdvi_faults_pending(AMDVI.units[i]):
            take_amdvi_faults(AMDVI.units[i])
    if DMA_FAULTS.lines != 0 or DMA_FAULTS.lost:
        end_round()


@fn(cold=True)
def take_vtd_faults(unit: VtdUnit) -> None:
    """All that its records hold."""
    fault = Local(DmaFault)
    for i in range(unit.fault_count):
        if vtd_take_fault(unit, i, fault):
            report(fault)
    if vtd_take_overflow(unit):
        DMA_FAULTS.lost = True


@fn(cold=True)
def take_amdvi_faults(unit: AmdviUnit) -> None:
    """All that its log holds."""
    fault = Local(DmaFault)
    for _ in range(u32(FAULTS_MAX)):
        if not amdvi_take_fault(unit, fault):
            break
        report(fault)
    if amdvi_take_overflow(unit):
        DMA_FAULTS.lost = True


@fn(cold=True)
def report(fault: DmaFault) -> None:
    """Count it; say it if there is a line left."""
    DMA_FAULTS.refused = DMA_FAULTS.refused.wrapping_add(1)
    if DMA_FAULTS.lines == LINES_PER_SECOND:
        DMA_FAULTS.unsaid += 1
        return
    DMA_FAULTS.lines += 1
    bus, device, function = fault.requester >> 8, fault.requester >> 3 & 31, fault.requester & 7
    access = fault.access
    address = fault.address
    reason = fault.reason
    warn(f"DMA refused: {bus:02x}:{device:02x}.{function} {access} at {address:#x}, reason {reason}")


@fn(cold=True)
def end_round() -> None:
    """What was not said, as a number."""
    if DMA_FAULTS.lost:
        warn(f"DMA refused: {DMA_FAULTS.unsaid} more times in this second, and more that the IOMMU did not keep")
    elif DMA_FAULTS.unsaid != 0:
        warn(f"DMA refused: {DMA_FAULTS.unsaid} more times in this second")
    DMA_FAULTS.lines = 0
    DMA_FAULTS.unsaid = 0
    DMA_FAULTS.lost = False
