"""What a VT-d unit has refused: its fault records, read and freed one by one."""

from __future__ import annotations

from codegen.lang import fn, mmio, u32, u64
from drivers.iommu.fault import DmaAccess, DmaFault
from drivers.iommu.vtd_registers import VtdFaultHigh, VtdFaultRecord, VtdFaultStatus, VtdRegisters
from drivers.iommu.vtd_unit import VtdUnit


@fn
def vtd_faults_pending(unit: VtdUnit) -> bool:
    """One register."""
    return mmio(VtdRegisters, unit.base).fault_status.read().pending


@fn(cold=True)
def vtd_take_fault(unit: VtdUnit, index: u32, into: DmaFault) -> bool:
    """Record `index`, below `fault_count`. False when it is empty."""
    record = mmio(VtdFaultRecord, unit.faults + u64(index) * 16)
    rest = record.rest.read()
    if not rest.full:
        return False
    into.address = record.address.read()
    into.requester = rest.requester
    into.reason = rest.reason
    into.access = DmaAccess.READ if rest.read else DmaAccess.WRITE
    record.rest.write(VtdFaultHigh(full=True))
    return True


@fn(cold=True)
def vtd_take_overflow(unit: VtdUnit) -> bool:
    """Whether there were faults that found no record; recording goes on."""
    registers = mmio(VtdRegisters, unit.base)
    if not registers.fault_status.read().overflow:
        return False
    registers.fault_status.write(VtdFaultStatus(overflow=True))
    return True
