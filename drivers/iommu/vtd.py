"""The driver of VT-d units: found, and switched on with everything denied."""

from __future__ import annotations

from codegen.lang import Hpa, fn, min, mmio, pause, range, u16, u32, u64
from drivers.iommu.problem import IommuProblem
from drivers.iommu.vtd_invalidation import vtd_forget_devices
from drivers.iommu.vtd_registers import (
    INTERRUPT_REMAPPING,
    LASTING,
    QUEUE,
    ROOT_POINTER,
    TRANSLATION,
    VtdCapability,
    VtdFaultControl,
    VtdProtected,
    VtdRegisters,
)
from drivers.iommu.vtd_unit import PATIENCE, VTD, VtdUnit

UNIT_FRAMES = 2  # the queue; the status word
ABSENT = 0xFFFF_FFFF
WIDTH_39, WIDTH_48 = 1 << 1, 1 << 2


@fn(cold=True)
def vtd_begin() -> None:
    """Before the first `vtd_find`."""
    VTD.zero()
    VTD.levels = 4
    VTD.domains = 0x1_0000


@fn(cold=True)
def vtd_find(base: Hpa, segment: u16) -> VtdUnit | IommuProblem:
    """Take a unit up, its first register page mapped; only reads. At most UNITS_MAX times. Its fault records
    (`fault_count` times 16 bytes at `faults`) and the 16 bytes at `commands`, all within 20 KiB of `base`, are to be
    mapped before `vtd_start`."""
    registers = mmio(VtdRegisters, base)
    if registers.version.read() == ABSENT:
        return IommuProblem.NOT_THERE
    capability = registers.capability.read()
    extended = registers.extended.read()
    unit = VTD.units[VTD.unit_count]
    VTD.unit_count += 1
    unit.base = base
    unit.segment = segment
    unit.faults = base + u64(capability.fault_offset) * 16
    unit.fault_count = u32(capability.last_fault) + 1
    unit.commands = base + u64(extended.commands_offset) * 16
    unit.queues = extended.queued_invalidation
    unit.must_flush_write_buffer = capability.must_flush_write_buffer
    unit.drains_writes = capability.drains_writes
    unit.drains_reads = capability.drains_reads
    agree(capability)
    VTD.incoherent = VTD.incoherent or not extended.coherent
    return unit


@fn(cold=True)
def agree(capability: VtdCapability) -> None:
    """Tables are shared by all units: what one cannot, none may."""
    widths = u32(capability.address_widths)
    if VTD.levels == 4 and widths & WIDTH_48 == 0:
        VTD.levels = 3
    if VTD.levels == 3 and widths & WIDTH_39 == 0:
        VTD.levels = 0
    VTD.domains = min(VTD.domains, u32(1) << (4 + 2 * min(u32(capability.domains), u32(6))))
    VTD.tell_of_new = VTD.tell_of_new or capability.caches_absence or capability.must_flush_write_buffer


@fn(cold=True)
def vtd_start(unit: VtdUnit, root: Hpa, frames: Hpa) -> IommuProblem | None:
    """Translate by the root table at `root`. `frames`: UNIT_FRAMES of its own, zeroed.

    Firmware may have left translation, queue and interrupt remapping on. Translation stays on while the root changes,
    so there is no gap; interrupt remapping goes, as our I/O APIC entries are of the format without it.
    """
    registers = mmio(VtdRegisters, unit.base)
    registers.fault_control.write(VtdFaultControl(masked=True))  # faults are polled
    if not command(unit, u32(INTERRUPT_REMAPPING), False) or not command(unit, u32(QUEUE), False):
        return IommuProblem.DOES_NOT_ANSWER
    if unit.queues and not start_queue(unit, frames):
        return IommuProblem.DOES_NOT_ANSWER
    registers.root_table.write(u64(root))
    if not command(unit, u32(ROOT_POINTER), True):
        return IommuProblem.DOES_NOT_ANSWER
    problem = vtd_forget_devices(unit)
    if problem is not None:
        return problem
    if not command(unit, u32(TRANSLATION), True) or not open_protected(unit):
        return IommuProblem.DOES_NOT_ANSWER
    unit.on = True
    return None


@fn(cold=True)
def start_queue(unit: VtdUnit, frames: Hpa) -> bool:
    """The first frame is the queue, the second one its status word's."""
    registers = mmio(VtdRegisters, unit.base)
    unit.queue = frames
    registers.queue_tail.write(0)
    registers.queue_address.write(u64(frames))
    return command(unit, u32(QUEUE), True)


@fn(cold=True)
def command(unit: VtdUnit, bit: u32, on: bool) -> bool:
    """Change one bit of the global command, as only one may change at a time (11.4.4), and wait for its status."""
    registers = mmio(VtdRegisters, unit.base)
    lasting = registers.status.read() & LASTING & ~bit
    registers.command.write(lasting | bit if on else lasting)
    for _ in range(u32(PATIENCE)):
        if (registers.status.read() & bit != 0) == on:
            return True
        pause()
    return False


@fn(cold=True)
def open_protected(unit: VtdUnit) -> bool:
    """Firmware's protected ranges block DMA that our tables allow."""
    registers = mmio(VtdRegisters, unit.base)
    capability = registers.capability.read()
    if not capability.protected_low and not capability.protected_high:
        return True
    registers.protected.write(VtdProtected())
    for _ in range(u32(PATIENCE)):
        if not registers.protected.read().status:
            return True
        pause()
    return False
