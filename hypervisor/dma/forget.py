"""Telling all units what has changed. Memory is used again only after this has answered None (shared/security.md)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, range, u64
from drivers.iommu.amdvi import AMDVI, amdvi_forget_device, amdvi_forget_domain
from drivers.iommu.problem import IommuProblem
from drivers.iommu.reported import IommuKind
from drivers.iommu.vtd_invalidation import vtd_forget_devices, vtd_forget_domain
from drivers.iommu.vtd_unit import VTD
from hypervisor.console.log import warn
from hypervisor.dma.domain import IOMMU, Domain
from hypervisor.dma.error import DmaError


@fn
def forget_pages(domain: Domain) -> DmaError | None:
    """Translations of one domain."""
    error: DmaError | None = None
    for i in range(VTD.unit_count):
        unit = VTD.units[i]
        if unit.on and unit.segment == 0:
            error = outcome(unit.base, vtd_forget_domain(unit, domain.number), error)
    for i in range(AMDVI.unit_count):
        amdvi = AMDVI.units[i]
        if amdvi.on and amdvi.segment == 0:
            error = outcome(amdvi.base, amdvi_forget_domain(amdvi, domain.number), error)
    return error


@fn(cold=True)
def forget_device(domain: Domain) -> DmaError | None:
    """What its requests are translated by, then its translations."""
    error: DmaError | None = None
    for i in range(VTD.unit_count):
        unit = VTD.units[i]
        if unit.on and unit.segment == 0:
            error = outcome(unit.base, vtd_forget_devices(unit), error)
    for i in range(AMDVI.unit_count):
        amdvi = AMDVI.units[i]
        if amdvi.on and amdvi.segment == 0:
            error = outcome(amdvi.base, amdvi_forget_device(amdvi, domain.source), error)
            error = outcome(amdvi.base, amdvi_forget_device(amdvi, domain.requester), error)
            error = outcome(amdvi.base, amdvi_forget_domain(amdvi, domain.number), error)
    return error


@fn
def must_tell_of_new() -> bool:
    """Whether a unit may remember that something was not there. AMD-Vi's say it where we do not look (NpCache, in
    configuration space), so they are told."""
    return IOMMU.kind == IommuKind.AMDVI or VTD.tell_of_new


@fn
def outcome(base: Hpa, problem: IommuProblem | None, before: DmaError | None) -> DmaError | None:
    """One unit's answer beside those before."""
    if problem is None:
        return before
    warn(f"the IOMMU at {u64(base):#x}: {problem}: memory that devices give back is not used again")
    return DmaError.UNIT_FAILED
