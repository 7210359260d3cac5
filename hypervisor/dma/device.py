"""A device's entry in the tables of the units: denied, or translated by its domain."""

from __future__ import annotations

from codegen.lang import Hpa, fn, u8, u16, u32
from drivers.iommu.amdvi_device_table import amdvi_allow, amdvi_deny
from drivers.iommu.reported import IommuKind
from drivers.iommu.vtd_context import vtd_add_context_table, vtd_allow, vtd_context_table, vtd_deny
from drivers.iommu.vtd_unit import VTD
from hypervisor.dma.domain import DOMAINS_MAX, IOMMU, Domain
from hypervisor.memory.frames import allocate_frame
from hypervisor.memory.owner import Owner


@fn(cold=True)
def domain_limit() -> u32:
    """Numbers of domains are below it."""
    return VTD.domains if IOMMU.kind == IommuKind.VTD else u32(DOMAINS_MAX + 1)


@fn(cold=True)
def device_allow(domain: Domain) -> bool:
    """Before `forget_device`. False when no frame is left."""
    if IOMMU.kind == IommuKind.AMDVI:
        amdvi_allow(IOMMU.root, domain.requester, domain.number, domain.root)
        amdvi_allow(IOMMU.root, domain.source, domain.number, domain.root)
        return True
    table = context_table(domain.source)
    if table is None:
        return False
    vtd_allow(table, domain.source, domain.number, domain.root)
    return True


@fn(cold=True)
def device_deny(domain: Domain) -> None:
    """Before `forget_device`."""
    if IOMMU.kind == IommuKind.AMDVI:
        amdvi_deny(IOMMU.root, domain.requester, IOMMU.nowhere)
        amdvi_deny(IOMMU.root, domain.source, IOMMU.nowhere)
        return
    table = vtd_context_table(IOMMU.root, u8(domain.source >> 8))
    if table is not None:
        vtd_deny(table, domain.source)


@fn(cold=True)
def context_table(source: u16) -> Hpa | None:
    """Of the bus of this ID, made if it is missing; it stays. None when no frame is left."""
    bus = u8(source >> 8)
    table = vtd_context_table(IOMMU.root, bus)
    if table is not None:
        return table
    fresh = allocate_frame(u8(Owner.MONITOR))
    if fresh is None:
        return None
    vtd_add_context_table(IOMMU.root, bus, fresh)
    return fresh
