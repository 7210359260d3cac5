"""The driver of VT-d units: switched on with everything denied, told by its queue what to forget."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, fn, min, mmio, pause, phys, range, storage, u16, u32, u64
from drivers.iommu.problem import IommuProblem
from drivers.iommu.reported import UNITS_MAX
from drivers.iommu.vtd_registers import (
    INTERRUPT_REMAPPING,
    LASTING,
    QUEUE,
    ROOT_POINTER,
    TRANSLATION,
    WRITE_BUFFER,
    VtdCapability,
    VtdFaultControl,
    VtdProtected,
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

PATIENCE = 200_000  # polls, each of a register: some 40 ms, where a unit needs microseconds
QUEUE_BYTES = 4096  # 256 descriptors
UNIT_FRAMES = 2  # the queue; the status word
ABSENT = 0xFFFF_FFFF
WIDTH_39, WIDTH_48 = 1 << 1, 1 << 2


class VtdUnit(Struct):
    """One unit."""

    base: Field[Hpa]
    segment: Field[u16]
    faults: Field[Hpa]  # its fault records
    fault_count: Field[u32]
    queue: Field[Hpa]
    tail: Field[u32]  # bytes
    sequence: Field[u32]  # of the last wait
    must_flush_write_buffer: Field[bool]
    drains_writes: Field[bool]
    drains_reads: Field[bool]
    on: Field[bool]  # translating
    broken: Field[bool]  # it has stopped answering: nobody waits for it again


class Vtd(Struct):
    """All units, and what they agree on."""

    unit_count: Field[u32]
    units: Array[VtdUnit] = count(UNITS_MAX)
    levels: Field[u32]  # of page tables; 0: the units have no width in common, so nothing can be mapped
    domains: Field[u32]  # domain numbers are below it
    incoherent: Field[bool]  # a unit does not snoop: what is written for it is flushed from the caches
    tell_of_new: Field[bool]  # a unit is told of new entries too: it remembers what was not there, or has a buffer


VTD = storage(Vtd)


@fn(cold=True)
def vtd_begin() -> None:
    """Before the first `vtd_find`."""
    VTD.zero()
    VTD.levels = 4
    VTD.domains = 0x1_0000


@fn(cold=True)
def vtd_find(base: Hpa, segment: u16) -> VtdUnit | IommuProblem:
    """Take a unit up, its first register page mapped; only reads. At most UNITS_MAX times. Its fault records
    (`fault_count` times 16 bytes at `faults`, within 20 KiB of `base`) are to be mapped before `vtd_start`."""
    registers = mmio(VtdRegisters, base)
    if registers.version.read() == ABSENT:
        return IommuProblem.NOT_THERE
    capability = registers.capability.read()
    extended = registers.extended.read()
    if not extended.queued_invalidation:
        return IommuProblem.NO_QUEUED_INVALIDATION
    unit = VTD.units[VTD.unit_count]
    VTD.unit_count += 1
    unit.base = base
    unit.segment = segment
    unit.faults = base + u64(capability.fault_offset) * 16
    unit.fault_count = u32(capability.last_fault) + 1
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
    unit.queue = frames
    registers.queue_tail.write(0)
    registers.queue_address.write(u64(frames))
    if not command(unit, u32(QUEUE), True):
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
    """Queue one command and wait until it is done. A unit that fails once is never waited for again."""
    if unit.broken:
        return IommuProblem.DOES_NOT_ANSWER
    problem = carry_out(unit, what)
    unit.broken = problem is not None
    return problem


@fn
def carry_out(unit: VtdUnit, what: VtdInvalidation) -> IommuProblem | None:
    """Each wait has a number of its own, so that a late answer is not taken for the next one."""
    registers = mmio(VtdRegisters, unit.base)
    if unit.must_flush_write_buffer and not flush_write_buffer(unit):
        return IommuProblem.DOES_NOT_ANSWER
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
