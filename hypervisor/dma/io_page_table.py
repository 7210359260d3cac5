"""I/O page tables of both kinds: pages of 4 KiB under their own addresses; an entry's bits are the drivers' matter.

A device sees a frame under its host-physical address. So a driver has one number for a frame, with and without an
IOMMU, nothing hands out I/O addresses, and an address in a fault's line is an address of the machine. What a device
may reach is decided by what is mapped; other addresses would hide nothing.
"""

from __future__ import annotations

from codegen.lang import Hpa, fn, phys, range, u8, u32, u64
from drivers.iommu import amdvi_tables
from drivers.iommu.amdvi_device_table import amdvi_clear_table
from drivers.iommu.amdvi_tables import EMPTY, amdvi_leaf, amdvi_table_entry
from drivers.iommu.reported import IommuKind
from drivers.iommu.table import WalkedTable, walked_publish, walked_write
from drivers.iommu.vtd_tables import vtd_leaf, vtd_table_entry
from drivers.iommu.vtd_unit import VTD
from hypervisor.dma.domain import IOMMU
from hypervisor.memory.frames import allocate_frame
from hypervisor.memory.page_table import index_at

PRESENT = 3  # VT-d: either right; AMD-Vi: bit 0, and bit 1 is never set
FRAME_BITS = 0x000F_FFFF_FFFF_F000


@fn
def io_levels() -> u32:
    """Of the tables; 0: the units have no format in common."""
    return VTD.levels if IOMMU.kind == IommuKind.VTD else u32(amdvi_tables.LEVELS)


@fn
def io_new_table(tables_owner: u8) -> Hpa | None:
    """A table in which nothing is present."""
    frame = allocate_frame(tables_owner)
    if frame is not None:
        if IOMMU.kind == IommuKind.AMDVI:
            amdvi_clear_table(frame)
        walked_publish(frame, VTD.incoherent)
    return frame


@fn
def io_map_page(root: Hpa, hpa: Hpa, writable: bool, tables_owner: u8) -> bool:
    """The device reaches this frame. False when no frame is left for a table."""
    table = root
    level = io_levels()
    while level > 1:
        index = u32(index_at(u64(hpa), level))
        entry = phys(WalkedTable, table).words[index]
        if entry & PRESENT == 0:
            fresh = io_new_table(tables_owner)
            if fresh is None:
                return False
            entry = vtd_table_entry(fresh)
            if IOMMU.kind == IommuKind.AMDVI:
                entry = amdvi_table_entry(fresh, level - 1)
            walked_write(table, index, entry, VTD.incoherent)
        table = Hpa(entry & FRAME_BITS)
        level -= 1
    leaf = amdvi_leaf(hpa, writable) if IOMMU.kind == IommuKind.AMDVI else vtd_leaf(hpa, writable)
    walked_write(table, u32(index_at(u64(hpa), level)), leaf, VTD.incoherent)
    return True


@fn
def io_is_mapped(root: Hpa, hpa: Hpa) -> bool:
    """Whether the device reaches this frame."""
    table = leaf_table(root, hpa)
    return table is not None and phys(WalkedTable, table).words[index_at(u64(hpa), u32(1))] & PRESENT != 0


@fn
def io_unmap_page(root: Hpa, hpa: Hpa) -> None:
    """The device does not reach this frame, once the units have forgotten its domain. Nothing if it did not."""
    table = leaf_table(root, hpa)
    if table is not None:
        walked_write(table, u32(index_at(u64(hpa), u32(1))), nothing(), VTD.incoherent)


@fn(cold=True)
def io_unmap_run(root: Hpa, hpa: Hpa) -> None:
    """The same of the 2 MiB at `hpa`: all that one table leads to."""
    table = leaf_table(root, hpa)
    if table is not None:
        for index in range(u32(512)):
            walked_write(table, index, nothing(), VTD.incoherent)


@fn
def leaf_table(root: Hpa, hpa: Hpa) -> Hpa | None:
    """The table with this frame's entry; None when nothing near it is mapped."""
    table = root
    level = io_levels()
    while level > 1:
        entry = phys(WalkedTable, table).words[index_at(u64(hpa), level)]
        if entry & PRESENT == 0:
            return None
        table = Hpa(entry & FRAME_BITS)
        level -= 1
    return table


@fn
def nothing() -> u64:
    """An entry that is not present."""
    return u64(EMPTY) if IOMMU.kind == IommuKind.AMDVI else u64(0)
