"""Domains: each device that has a driver is alone in one, with page tables of its own."""

from __future__ import annotations

from codegen.lang import Array, Atomic, Field, Hpa, Struct, count, fn, range, storage, u8, u16, u32
from drivers.iommu.reported import IommuKind
from hypervisor.cpu.spin_lock import SpinLock
from hypervisor.memory.owner import GUEST_RAM, GUEST_TABLES

DOMAINS_MAX = 32


class Domain(Struct):
    """One device's. Numbers begin at 1: 0 is for what is denied (VT-d 6.2.2.1 reserves it in caching mode)."""

    number: Field[u16]  # 0: free
    requester: Field[u16]  # the device
    source: Field[u16]  # the ID with which its requests arrive
    of_firmware: Field[bool]  # for a reserved range, until a driver takes the device
    lost: Field[bool]  # denied, but a unit did not confirm it: number and tables are never used again
    guests: Field[u32]  # bit VM id: has had RAM of this guest mapped
    root: Field[Hpa]  # of its page tables; 0 without an IOMMU


class Iommu(Struct):
    """What all units of segment 0 translate by."""

    lock: SpinLock
    kind: Field[IommuKind]  # NONE: DMA is not confined
    unit_count: Field[u32]  # that are on
    unconfined: Field[u32]  # units that could not be switched on
    withdrawn: Atomic[u32]  # bit VM id: its RAM is being given back, or there is no such VM
    root: Field[Hpa]  # VT-d: root table; AMD-Vi: device table
    other_root: Field[Hpa]  # of other segments: it denies everything
    nowhere: Field[Hpa]  # AMD-Vi: the page table of what is denied
    domains: Array[Domain] = count(DOMAINS_MAX)


IOMMU = storage(Iommu)


@fn
def domain_of(requester: u16) -> Domain | None:
    """The domain of this device; None when it has none of use. The caller holds the lock, as for the next two."""
    for i in range(u32(DOMAINS_MAX)):
        domain = IOMMU.domains[i]
        if domain.number != 0 and domain.requester == requester and not domain.lost:
            return domain
    return None


@fn(cold=True)
def domain_of_source(source: u16) -> Domain | None:
    """The domain by which requests with this ID are translated, or were when it was lost."""
    for i in range(u32(DOMAINS_MAX)):
        domain = IOMMU.domains[i]
        if domain.number != 0 and domain.source == source:
            return domain
    return None


@fn(cold=True)
def free_domain(limit: u32) -> Domain | None:
    """One that is free, its number set, of numbers below `limit`."""
    for i in range(u32(DOMAINS_MAX)):
        domain = IOMMU.domains[i]
        if domain.number == 0 and i + 1 < limit:
            domain.zero()
            domain.number = u16(i + 1)
            return domain
    return None


@fn
def guest_bit(owner: u8) -> u32:
    """The bit of a guest's RAM in sets of guests; 0 for owners that are none."""
    if owner < GUEST_RAM or owner >= GUEST_TABLES:
        return u32(0)
    return u32(1) << (owner - GUEST_RAM)
