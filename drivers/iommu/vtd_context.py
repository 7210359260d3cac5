"""Which device is in which domain: the root table and a context table per bus (VT-d 4.1, 9.1 and 9.3)."""

from __future__ import annotations

from codegen.lang import Hpa, fn, phys, u8, u16, u32, u64
from drivers.iommu.table import WalkedTable, walked_publish, walked_write
from drivers.iommu.vtd_tables import VtdContextHigh, VtdContextLow, VtdRootEntry
from drivers.iommu.vtd_unit import VTD


@fn(cold=True)
def vtd_context_table(root: Hpa, bus: u8) -> Hpa | None:
    """The context table of a bus; None when it has none yet."""
    entry = VtdRootEntry.of(phys(WalkedTable, root).words[u32(bus) * 2])
    if not entry.present:
        return None
    return Hpa(entry.frame << 12)


@fn(cold=True)
def vtd_add_context_table(root: Hpa, bus: u8, table: Hpa) -> None:
    """A zeroed frame becomes one: all devices of the bus stay denied."""
    walked_publish(table, VTD.incoherent)
    walked_write(root, u32(bus) * 2, u64(VtdRootEntry(present=True, frame=u64(table) >> 12)), VTD.incoherent)


@fn(cold=True)
def vtd_allow(context_table: Hpa, requester: u16, domain: u16, page_table: Hpa) -> None:
    """The device translates by `page_table` from now on; the half that says so comes last. Then `vtd_forget_devices`,
    for units that remember what was not there."""
    index = u32(requester & 0xFF) * 2
    walked_write(context_table, index + 1, u64(VtdContextHigh(width=u8(VTD.levels - 2), domain=domain)), VTD.incoherent)
    walked_write(context_table, index, u64(VtdContextLow(present=True, frame=u64(page_table) >> 12)), VTD.incoherent)


@fn(cold=True)
def vtd_deny(context_table: Hpa, requester: u16) -> None:
    """The device reaches nothing, once `vtd_forget_devices` has been done by all units."""
    walked_write(context_table, u32(requester & 0xFF) * 2, u64(VtdContextLow()), VTD.incoherent)
