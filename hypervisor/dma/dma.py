"""What drivers call: attach a device, map and unmap its buffers, detach it.

A device is named by its requester ID in segment 0: bus << 8 | device << 3 | function; behind a bridge to PCI that makes
requests in its own name, the bridge's. Without an IOMMU the same calls check the same rules, and confine nothing.
"""

from __future__ import annotations

from codegen.lang import Hpa, fn, range, u8, u16, u64
from drivers.iommu.reported import IommuKind, source_of
from hypervisor.dma.device import device_allow, device_deny, domain_limit
from hypervisor.dma.domain import IOMMU, Domain, domain_of, domain_of_source, free_domain, guest_bit
from hypervisor.dma.error import DmaError
from hypervisor.dma.forget import forget_device, forget_pages, must_tell_of_new
from hypervisor.dma.io_page_table import io_is_mapped, io_levels, io_map_page, io_new_table, io_unmap_page
from hypervisor.memory.frames import owned_throughout, release_frames
from hypervisor.memory.owner import GUEST_RAM, GUEST_TABLES, Owner, domain_tables_owner
from hypervisor.memory.regions import FRAME


@fn(cold=True)
def dma_attach(requester: u16) -> DmaError | None:
    """The device gets a domain of its own, empty: it reaches nothing yet. What firmware reserved for it ends."""
    with IOMMU.lock:
        before = domain_of_source(source_of(requester))
        if before is not None:
            if before.lost:
                return DmaError.UNIT_FAILED
            if not before.of_firmware:
                return DmaError.ATTACHED
            error = close_domain(before)
            if error is not None:
                return error
        return open_domain(requester, False)


@fn(cold=True)
def dma_detach(requester: u16) -> DmaError | None:
    """The device reaches nothing any more, and may be attached again. Stop it first: requests on their way fault."""
    with IOMMU.lock:
        domain = domain_of(requester)
        if domain is None:
            return DmaError.NOT_ATTACHED
        return close_domain(domain)


@fn
def dma_map(requester: u16, hpa: Hpa, size: u64, writable: bool, owner: u8) -> DmaError | None:
    """The device may read `size` bytes of whole frames, and write them if `writable`, under their own address.

    All must belong to `owner`: Owner.DMA, or the guest's RAM for which the device works. They stay so until they are
    unmapped; of a guest `dma_withdraw` sees to it. None may be mapped already (asked only where there is an IOMMU).
    After an error nothing has changed.
    """
    with IOMMU.lock:
        domain = domain_of(requester)
        if domain is None:
            return DmaError.NOT_ATTACHED
        if not are_frames(hpa, size):
            return DmaError.MISALIGNED
        if not may_be_reached(owner) or not owned_throughout(hpa, size, owner):
            return DmaError.FOREIGN
        if is_mapped(domain, hpa, size):
            return DmaError.MAPPED
        domain.guests = domain.guests | guest_bit(owner)
        return map_frames(domain, hpa, size, writable)


@fn
def dma_unmap(requester: u16, hpa: Hpa, size: u64) -> DmaError | None:
    """The device does not reach these frames any more: when this answers None they may be used otherwise, before that
    not. What was not mapped stays so."""
    with IOMMU.lock:
        domain = domain_of(requester)
        if domain is None:
            return DmaError.NOT_ATTACHED
        if not are_frames(hpa, size):
            return DmaError.MISALIGNED
        return unmap_frames(domain, hpa, size)


@fn
def are_frames(hpa: Hpa, size: u64) -> bool:
    """Whole ones, at least one, that the tables can address."""
    end = u64(hpa).checked_add(size)
    if end is None or size == 0 or (u64(hpa) | size) & (FRAME - 1) != 0:
        return False
    bits = u64(48) if IOMMU.kind == IommuKind.NONE else u64(io_levels()) * 9 + 12
    return end <= u64(1) << bits


@fn
def may_be_reached(owner: u8) -> bool:
    """Buffers of our drivers, and RAM of guests that are not about to go; never tables, VMCSs or stacks."""
    if owner == u8(Owner.DMA):
        return True
    return owner >= GUEST_RAM and owner < GUEST_TABLES and IOMMU.withdrawn.load() & guest_bit(owner) == 0


@fn
def is_mapped(domain: Domain, hpa: Hpa, size: u64) -> bool:
    """Any of these frames."""
    if IOMMU.kind == IommuKind.NONE:
        return False
    for offset in range(u64(0), size, FRAME):
        if io_is_mapped(domain.root, hpa + offset):
            return True
    return False


@fn
def map_frames(domain: Domain, hpa: Hpa, size: u64, writable: bool) -> DmaError | None:
    """The tables, then the units where they must hear of it."""
    if IOMMU.kind == IommuKind.NONE:
        return None
    for offset in range(u64(0), size, FRAME):
        if not io_map_page(domain.root, hpa + offset, writable, domain_tables_owner(domain.number)):
            error = unmap_frames(domain, hpa, size)
            return DmaError.NO_FRAME if error is None else error
    return forget_pages(domain) if must_tell_of_new() else None


@fn
def unmap_frames(domain: Domain, hpa: Hpa, size: u64) -> DmaError | None:
    """The tables, then the units."""
    if IOMMU.kind == IommuKind.NONE:
        return None
    for offset in range(u64(0), size, FRAME):
        io_unmap_page(domain.root, hpa + offset)
    return forget_pages(domain)


@fn(cold=True)
def open_domain(requester: u16, of_firmware: bool) -> DmaError | None:
    """A domain for a device that has none."""
    domain = free_domain(domain_limit())
    if domain is None:
        return DmaError.NO_DOMAIN
    domain.requester = requester
    domain.source = source_of(requester)
    domain.of_firmware = of_firmware
    if IOMMU.kind == IommuKind.NONE:
        return None
    error: DmaError | None = DmaError.NO_DOMAIN
    if io_levels() != 0:
        error = DmaError.NO_FRAME
        root = io_new_table(domain_tables_owner(domain.number))
        if root is not None:
            domain.root = root
            if device_allow(domain):
                error = forget_device(domain)
                if error is None:
                    return None
                device_deny(domain)
                domain.lost = True
                return error
    release_frames(domain_tables_owner(domain.number))
    domain.number = 0
    return error


@fn(cold=True)
def close_domain(domain: Domain) -> DmaError | None:
    """Deny, have it forgotten, only then give the tables back. When a unit fails, all of it is lost."""
    if IOMMU.kind != IommuKind.NONE:
        device_deny(domain)
        error = forget_device(domain)
        if error is not None:
            domain.lost = True
            return error
        release_frames(domain_tables_owner(domain.number))
    domain.number = 0
    return None
