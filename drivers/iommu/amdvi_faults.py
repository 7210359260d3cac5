"""What an AMD-Vi unit has refused: its event log, read entry by entry."""

from __future__ import annotations

from codegen.lang import fn, mmio, pause, phys, range, u32, u64
from drivers.iommu.amdvi import PATIENCE, RING_BYTES, AmdviUnit
from drivers.iommu.amdvi_registers import AmdviRegisters, AmdviStatus
from drivers.iommu.amdvi_tables import PAGE_FAULT, AmdviEvent, AmdviRingEntry
from drivers.iommu.fault import DmaAccess, DmaFault


@fn
def amdvi_faults_pending(unit: AmdviUnit) -> bool:
    """Two registers: a log that has overflowed has stopped."""
    registers = mmio(AmdviRegisters, unit.base)
    return event_tail(unit) != unit.event_head or registers.status.read().event_overflow


@fn
def event_tail(unit: AmdviUnit) -> u32:
    """Where the unit writes next, bytes: within the log whatever the register says."""
    return u32.trunc(mmio(AmdviRegisters, unit.base).event_tail.read()) & (RING_BYTES - 16)


@fn(cold=True)
def amdvi_take_fault(unit: AmdviUnit, into: DmaFault) -> bool:
    """The oldest event. False when there is none."""
    if event_tail(unit) == unit.event_head:
        return False
    place = phys(AmdviRingEntry, unit.frames + RING_BYTES + u64(unit.event_head))
    event = AmdviEvent.of(place.low)
    into.address = place.high
    into.requester = event.requester
    into.reason = event.code
    into.access = DmaAccess.ACCESS
    if event.code == PAGE_FAULT and event.present:
        into.access = DmaAccess.WRITE if event.write else DmaAccess.READ
    unit.event_head = (unit.event_head + 16) & (RING_BYTES - 1)
    mmio(AmdviRegisters, unit.base).event_head.write(u64(unit.event_head))
    return True


@fn(cold=True)
def amdvi_take_overflow(unit: AmdviUnit) -> bool:
    """Whether events were lost; the log is started again (2.5.2: it stops at an overflow)."""
    registers = mmio(AmdviRegisters, unit.base)
    if not registers.status.read().event_overflow:
        return False
    registers.control.write(unit.control.replace(events=False))
    for _ in range(u32(PATIENCE)):
        if not registers.status.read().events_run:
            break
        pause()
    registers.status.write(AmdviStatus(event_overflow=True))
    registers.control.write(unit.control)
    return True
