"""Start-up: every unit that the firmware's table names is switched on, with every device denied."""

from __future__ import annotations

from boot.info import BootInfo
from codegen.lang import Hpa, Local, Span, fn, range, span, u8, u16, u32, u64
from drivers.acpi.root import acpi_table
from drivers.iommu.amdvi import AMDVI, amdvi_find, amdvi_start
from drivers.iommu.amdvi import UNIT_FRAMES as AMDVI_FRAMES
from drivers.iommu.amdvi_device_table import amdvi_deny_all, amdvi_pass_messages
from drivers.iommu.dmar import dmar_read
from drivers.iommu.ivrs import OpenRange, ivrs_read
from drivers.iommu.problem import IommuProblem
from drivers.iommu.reported import REPORTED, IommuKind
from drivers.iommu.table import walked_publish
from drivers.iommu.vtd import UNIT_FRAMES as VTD_FRAMES
from drivers.iommu.vtd import vtd_begin, vtd_find, vtd_start
from drivers.iommu.vtd_unit import VTD, VtdUnit
from hypervisor.console.log import log, warn
from hypervisor.cpu.spin_lock import LockPlace, lock_start
from hypervisor.dma.domain import IOMMU
from hypervisor.dma.io_page_table import io_new_table
from hypervisor.dma.reserved import reserved_start
from hypervisor.memory.frames import allocate_frame, allocate_frames, allocate_runs
from hypervisor.memory.owner import Owner
from hypervisor.memory.paging import map_device
from hypervisor.memory.regions import FRAME, touches_usable

DIRECT_MAP_END = 1 << 46
AMDVI_REGISTER_BYTES = 0x4000


@fn(cold=True)
def iommu_start(info: BootInfo) -> None:
    """After ACPI is found. Of a unit that cannot be used a warning says so, and the machine goes on: its devices are as
    free as on a machine without an IOMMU, where our drivers are all that stands between them and memory."""
    lock_start(IOMMU.lock, LockPlace.IOMMU)
    read_table()
    IOMMU.kind = REPORTED.kind
    if IOMMU.kind == IommuKind.VTD:
        find_vtd_units(info)
    elif IOMMU.kind == IommuKind.AMDVI:
        find_amdvi_units(info)
    if VTD.unit_count + AMDVI.unit_count != 0 and make_tables():
        reserved_start(info)
        start_vtd_units()
        start_amdvi_units()
    if IOMMU.unit_count == 0:
        IOMMU.kind = IommuKind.NONE
        log("no IOMMU: DMA of devices is not confined; enable VT-d or AMD-Vi (IOMMU) in the firmware's set-up")


@fn(cold=True)
def read_table() -> None:
    """DMAR or IVRS, whichever the machine has."""
    dmar = acpi_table(span(b"DMAR"))
    ivrs = acpi_table(span(b"IVRS"))
    if dmar is not None:
        REPORTED.kind = IommuKind.VTD
        dmar_read(dmar)
    elif ivrs is not None:
        REPORTED.kind = IommuKind.AMDVI
        ivrs_read(ivrs, Local(OpenRange))


@fn(cold=True)
def find_vtd_units(info: BootInfo) -> None:
    """All of them, before the first one starts: they share tables."""
    vtd_begin()
    for i in range(REPORTED.unit_count):
        reported = REPORTED.units[i]
        if not map_registers(info, reported.base, u64(FRAME)):
            unit_fails(reported.base, IommuProblem.BAD_ADDRESS)
            continue
        unit = vtd_find(reported.base, reported.segment)
        if isinstance(unit, IommuProblem):
            unit_fails(reported.base, unit)
        elif not map_further_registers(info, unit):
            unit_fails(reported.base, IommuProblem.BAD_ADDRESS)
            unit.broken = True


@fn(cold=True)
def map_further_registers(info: BootInfo, unit: VtdUnit) -> bool:
    """Those that lie where the unit says."""
    faults, commands = unit.faults & ~(FRAME - 1), unit.commands & ~(FRAME - 1)
    return map_registers(info, faults, u64(2 * FRAME)) and map_registers(info, commands, u64(FRAME))


@fn(cold=True)
def start_vtd_units() -> None:
    """Each has a queue of its own."""
    for i in range(VTD.unit_count):
        unit = VTD.units[i]
        if unit.broken:
            continue
        root = root_for(unit.segment)
        frames = allocate_frames(u32(VTD_FRAMES), u8(Owner.MONITOR))
        if root is None or frames is None:
            unit_fails(unit.base, IommuProblem.NO_MEMORY)
            continue
        unit_answers(unit.base, vtd_start(unit, root, frames))


@fn(cold=True)
def find_amdvi_units(info: BootInfo) -> None:
    """All of them."""
    for i in range(REPORTED.unit_count):
        reported = REPORTED.units[i]
        if not map_registers(info, reported.base, u64(AMDVI_REGISTER_BYTES)):
            unit_fails(reported.base, IommuProblem.BAD_ADDRESS)
            continue
        unit = amdvi_find(reported.base, reported.segment, reported.flags)
        if isinstance(unit, IommuProblem):
            unit_fails(reported.base, unit)


@fn(cold=True)
def start_amdvi_units() -> None:
    """Each has a command buffer and an event log of its own."""
    for i in range(AMDVI.unit_count):
        unit = AMDVI.units[i]
        root = root_for(unit.segment)
        frames = allocate_frames(u32(AMDVI_FRAMES), u8(Owner.MONITOR))
        if root is None or frames is None:
            unit_fails(unit.base, IommuProblem.NO_MEMORY)
            continue
        unit_answers(unit.base, amdvi_start(unit, root, frames))


@fn(cold=True)
def map_registers(info: BootInfo, base: Hpa, length: u64) -> bool:
    """The table's address is the firmware's word: whole pages, and no RAM."""
    start = u64(base)
    if start == 0 or start & (FRAME - 1) != 0 or start >= DIRECT_MAP_END or touches_usable(info, start, start + length):
        return False
    return map_device(base, length)


@fn(cold=True)
def make_tables() -> bool:
    """Of segment 0. False when no memory is left."""
    if IOMMU.kind == IommuKind.AMDVI:
        nowhere = io_new_table(u8(Owner.MONITOR))
        if nowhere is None:
            return False
        IOMMU.nowhere = nowhere
    root = new_root()
    if root is None:
        warn("no memory is left for the IOMMU's tables")
        return False
    IOMMU.root = root
    if IOMMU.kind == IommuKind.AMDVI:
        for i in range(REPORTED.pass_count):
            passes = REPORTED.passes[i]
            amdvi_pass_messages(root, passes.first, passes.last, passes.setting)
    return True


@fn(cold=True)
def root_for(segment: u16) -> Hpa | None:
    """What units of this segment translate by. Devices are attached in segment 0; elsewhere they stay denied."""
    if segment == 0:
        return IOMMU.root
    if u64(IOMMU.other_root) == 0:
        other = new_root()
        if other is None:
            return None
        IOMMU.other_root = other
    return IOMMU.other_root


@fn(cold=True)
def new_root() -> Hpa | None:
    """A root table or device table that denies everything. None when no memory is left."""
    if IOMMU.kind == IommuKind.VTD:
        root = allocate_frame(u8(Owner.MONITOR))
        if root is not None:
            walked_publish(root, VTD.incoherent)
        return root
    table = allocate_runs(u64(1), u8(Owner.MONITOR))
    if table is not None:
        amdvi_deny_all(table, IOMMU.nowhere)
    return table


@fn(cold=True)
def unit_answers(base: Hpa, problem: IommuProblem | None) -> None:
    """One line for each unit."""
    if problem is not None:
        unit_fails(base, problem)
    else:
        IOMMU.unit_count += 1
        log(f"{kind_name()} at {u64(base):#x}: every device is denied")


@fn(cold=True)
def unit_fails(base: Hpa, problem: IommuProblem) -> None:
    """It is left off."""
    IOMMU.unconfined = IOMMU.unconfined.wrapping_add(1)
    warn(f"{kind_name()} at {u64(base):#x}: {problem}: DMA of its devices is not confined")


@fn(cold=True)
def kind_name() -> Span:
    """As its vendor writes it."""
    return span(b"VT-d") if IOMMU.kind == IommuKind.VTD else span(b"AMD-Vi")
