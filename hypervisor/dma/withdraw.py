"""The end of a guest's RAM: no device reaches it any more when it goes back."""

from __future__ import annotations

from codegen.lang import Hpa, fn, range, u8, u32, u64
from drivers.iommu.reported import IommuKind
from hypervisor.dma.domain import DOMAINS_MAX, IOMMU, Domain, guest_bit
from hypervisor.dma.error import DmaError
from hypervisor.dma.forget import forget_pages
from hypervisor.dma.io_page_table import io_levels, io_unmap_run
from hypervisor.memory.frames import FRAMES, RUN, owner_of


@fn(cold=True)
def dma_withdraw(owner: u8) -> DmaError | None:
    """All RAM of this guest out of all domains; `dma_map` refuses it from now on, until `dma_admit`.

    A driver that works for the guest need not know: its device's requests fault. On UNIT_FAILED the RAM may still be
    reached. Without an IOMMU nothing stops a device: its driver must.
    """
    IOMMU.withdrawn.fetch_or(guest_bit(owner))
    if IOMMU.kind == IommuKind.NONE:
        return None
    error: DmaError | None = None
    with IOMMU.lock:
        for i in range(u32(DOMAINS_MAX)):
            domain = IOMMU.domains[i]
            if domain.number != 0 and domain.guests & guest_bit(owner) != 0:
                unmap_runs(domain, owner)
                if forget_pages(domain) is not None:
                    error = DmaError.UNIT_FAILED
                domain.guests = domain.guests & ~guest_bit(owner)
    return error


@fn(cold=True)
def dma_admit(owner: u8) -> None:
    """A new guest has this number: its RAM may be mapped."""
    IOMMU.withdrawn.fetch_and(~guest_bit(owner))


@fn(cold=True)
def unmap_runs(domain: Domain, owner: u8) -> None:
    """Guests' RAM is whole runs of 2 MiB, and those lie under their own addresses: one table for each."""
    reach = u64(1) << (io_levels() * 9 + 12)
    for number in range(FRAMES.run_count):
        if number * RUN < reach and owner_of(Hpa(number * RUN)) == owner:
            io_unmap_run(domain.root, Hpa(number * RUN))
