"""Telling a VT-d unit what to forget: by its queue, or by registers where it has none (VT-d 4.1, 6.5)."""

from __future__ import annotations

from codegen.lang import fn, mmio, pause, phys, range, u16, u32, u64
from drivers.iommu.problem import IommuProblem
from drivers.iommu.vtd_registers import (
    LASTING,
    WRITE_BUFFER,
    VtdContextCommand,
    VtdInvalidationRegisters,
    VtdIotlbCommand,
    VtdRegisters,
)
from drivers.iommu.vtd_tables import (
    VtdCommandKind,
    VtdDescriptor,
    VtdGranularity,
    VtdInvalidation,
    VtdStatusWord,
    VtdWait,
)
from drivers.iommu.vtd_unit import PATIENCE, VtdUnit

QUEUE_BYTES = 4096  # 256 descriptors


@fn
def vtd_forget_devices(unit: VtdUnit) -> IommuProblem | None:
    """Forget all context entries, then all translations made by them (6.5.3.1: in this order)."""
    contexts = VtdInvalidation(kind=VtdCommandKind.CONTEXT_CACHE, granularity=VtdGranularity.GLOBAL)
    problem = invalidate(unit, contexts)
    if problem is not None:
        return problem
    return invalidate(unit, draining(unit).replace(granularity=VtdGranularity.GLOBAL))


@fn
def vtd_forget_domain(unit: VtdUnit, domain: u16) -> IommuProblem | None:
    """Forget all translations of one domain; DMA that is on its way with one has ended."""
    return invalidate(unit, draining(unit).replace(granularity=VtdGranularity.DOMAIN, domain=domain))


@fn
def draining(unit: VtdUnit) -> VtdInvalidation:
    """Of the IOTLB, after accesses that have been translated already, as far as the unit can wait for them."""
    return VtdInvalidation(
        kind=VtdCommandKind.IOTLB,
        granularity=VtdGranularity.GLOBAL,
        drain_writes=unit.drains_writes,
        drain_reads=unit.drains_reads,
    )


@fn
def invalidate(unit: VtdUnit, what: VtdInvalidation) -> IommuProblem | None:
    """One command, and wait until it is done. A unit that fails once is never waited for again."""
    if unit.broken:
        return IommuProblem.DOES_NOT_ANSWER
    problem = carry_out(unit, what)
    unit.broken = problem is not None
    return problem


@fn
def carry_out(unit: VtdUnit, what: VtdInvalidation) -> IommuProblem | None:
    """In the way that the unit has."""
    if unit.must_flush_write_buffer and not flush_write_buffer(unit):
        return IommuProblem.DOES_NOT_ANSWER
    if unit.queues:
        return enqueue(unit, what)
    if what.kind == VtdCommandKind.CONTEXT_CACHE:
        return command_contexts(unit)
    return command_iotlb(unit, what)


@fn
def enqueue(unit: VtdUnit, what: VtdInvalidation) -> IommuProblem | None:
    """Each wait has a number of its own, so that a late answer is not taken for the next one."""
    registers = mmio(VtdRegisters, unit.base)
    unit.sequence = unit.sequence.wrapping_add(1)
    status = unit.queue + QUEUE_BYTES
    put(unit, u64(what), u64(0))
    wait = VtdWait(kind=VtdCommandKind.WAIT, writes_status=True, fence=True, data=unit.sequence)
    put(unit, u64(wait), u64(status))
    registers.queue_tail.write(u64(unit.tail))
    for _ in range(u32(PATIENCE)):
        if phys(VtdStatusWord, status).value == unit.sequence:
            return None
        faults = registers.fault_status.read()
        if faults.queue_error or faults.completion_error or faults.timeout:
            return IommuProblem.REFUSES_COMMANDS
        pause()
    return IommuProblem.DOES_NOT_ANSWER


@fn(cold=True)
def command_contexts(unit: VtdUnit) -> IommuProblem | None:
    """All context entries (11.4.6.1)."""
    registers = mmio(VtdRegisters, unit.base)
    registers.context_command.write(VtdContextCommand(wanted=VtdGranularity.GLOBAL, invalidate=True))
    for _ in range(u32(PATIENCE)):
        answer = registers.context_command.read()
        if not answer.invalidate:
            return None if answer.done != 0 else IommuProblem.REFUSES_COMMANDS
        pause()
    return IommuProblem.DOES_NOT_ANSWER


@fn(cold=True)
def command_iotlb(unit: VtdUnit, what: VtdInvalidation) -> IommuProblem | None:
    """The same of translations (11.4.6.2)."""
    registers = mmio(VtdInvalidationRegisters, unit.commands)
    registers.iotlb.write(
        VtdIotlbCommand(
            domain=what.domain,
            drain_writes=what.drain_writes,
            drain_reads=what.drain_reads,
            wanted=what.granularity,
            invalidate=True,
        )
    )
    for _ in range(u32(PATIENCE)):
        answer = registers.iotlb.read()
        if not answer.invalidate:
            return None if answer.done != 0 else IommuProblem.REFUSES_COMMANDS
        pause()
    return IommuProblem.DOES_NOT_ANSWER


@fn
def put(unit: VtdUnit, low: u64, high: u64) -> None:
    """The next descriptor. There are never more than two in the queue, so it is never full."""
    place = phys(VtdDescriptor, unit.queue + u64(unit.tail))
    place.low = low
    place.high = high
    unit.tail = (unit.tail + 16) & (QUEUE_BYTES - 1)


@fn
def flush_write_buffer(unit: VtdUnit) -> bool:
    """What was written for the unit reaches memory first (6.8): old chipsets do not see to it."""
    registers = mmio(VtdRegisters, unit.base)
    registers.command.write(registers.status.read() & LASTING | WRITE_BUFFER)
    for _ in range(u32(PATIENCE)):
        if registers.status.read() & WRITE_BUFFER == 0:
            return True
        pause()
    return False
