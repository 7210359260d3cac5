"""What an AMD-Vi unit has refused: its event log, read entry by entry."""

from __future__ import annotations

from codegen.lang import fn, mmio, pause, phys, range, u32, u64
from drivers.iommu.amdvi import PATIENCE, RING_BYTES, AmdviUnit
from drivers.iommu.amdvi_registers import AmdviRegisters, AmdviStatus
from drivers.iommu.amdvi_tables import PAGE_FAULT, AmdviEvent, AmdviRingEntry
from drivers.iommu.fault import DmaAccess, DmaFault


@fn
def amdvi_faults_pending(unit: AmdviUnit) -> bool:
    """One word of memory and a register: a log that has overflowed has stopped."""
    registers = mmio(AmdviRegisters, unit.base)
    return AmdviEvent.of(event_at_head(unit).low).code != 0 or registers.status.read().event_overflow


@fn
def event_at_head(unit: AmdviUnit) -> AmdviRingEntry:
    """The place of the next event. Its code says whether the event is there: the tail register may run ahead of what is
    written. QEMU of before August 2025 writes no event: amdvi_log_event takes every log for one that overflowed."""
    return phys(AmdviRingEntry, unit.frames + RING_BYTES + u64(unit.event_head))


@fn(cold=True)
def amdvi_take_fault(unit: AmdviUnit, into: DmaFault) -> bool:
    """The oldest event. False when there is none."""
    place = event_at_head(unit)
    event = AmdviEvent.of(place.low)
    if event.code == 0:
        return False
    into.address = place.high
    into.requester = event.requester
    into.reason = event.code
    into.access = DmaAccess.ACCESS
    if event.code == PAGE_FAULT and event.present:
        into.access = DmaAccess.WRITE if event.write else DmaAccess.READ
    place.low = 0
    unit.event_head = (unit.event_head + 16) & (RING_BYTES - 1)
    mmio(AmdviRegisters, unit.base).event_head.write(u64(unit.event_head))
    return True


@fn(cold=True)
def amdvi_take_overflow(unit: AmdviUnit) -> bool:
    """Whether events were lost; the log is emptied and started again (2.5.2: it stops at an overflow)."""
    registers = mmio(AmdviRegisters, unit.base)
    if not registers.status.read().event_overflow:
        return False
    registers.control.write(unit.control.replace(events=False))
    for _ in range(u32(PATIENCE)):
        if not registers.status.read().events_run:
            break
        pause()
    for offset in range(u32(0), u32(RING_BYTES), 16):
        unit.event_head = offset
        event_at_head(unit).low = 0
    unit.event_head = 0
    registers.event_head.write(0)
    registers.event_tail.write(0)
    registers.status.write(AmdviStatus(event_overflow=True))
    registers.control.write(unit.control)
    return True
