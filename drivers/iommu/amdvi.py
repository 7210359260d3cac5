"""The driver of AMD-Vi units: on with a device table that denies everything, told by commands what to forget."""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, Struct, count, fn, mmio, pause, phys, range, storage, u8, u16, u32, u64
from drivers.iommu.amdvi_registers import (
    AmdviControl,
    AmdviRegisters,
    AmdviRingBase,
    AmdviTableBase,
    AmdviUnitFlags,
)
from drivers.iommu.amdvi_tables import (
    ALL_PAGES,
    DEVICE_TABLE_BYTES,
    AmdviCommand,
    AmdviCommandKind,
    AmdviPages,
    AmdviRingEntry,
    AmdviStatusWord,
    AmdviWait,
)
from drivers.iommu.problem import IommuProblem
from drivers.iommu.reported import UNITS_MAX

PATIENCE = 200_000  # polls, each of a register: some 40 ms, where a unit needs microseconds
RING_BYTES = 4096  # 256 entries: the fewest that there are
RING_LOG2 = 8
UNIT_FRAMES = 3  # commands; events; the status word
ABSENT = 0xFFFF_FFFF_FFFF_FFFF
IDS = 0x1_0000


class AmdviUnit(Struct):
    """One unit."""

    base: Field[Hpa]
    segment: Field[u16]
    frames: Field[Hpa]
    control: Field[AmdviControl]  # while it is on
    tail: Field[u32]  # of the commands, bytes
    event_head: Field[u32]  # bytes
    sequence: Field[u64]  # of the last wait
    on: Field[bool]
    broken: Field[bool]  # it has stopped answering: nobody waits for it again


class Amdvi(Struct):
    """All units."""

    unit_count: Field[u32]
    units: Array[AmdviUnit] = count(UNITS_MAX)


AMDVI = storage(Amdvi)


@fn(cold=True)
def amdvi_find(base: Hpa, segment: u16, flags: u8) -> AmdviUnit | IommuProblem:
    """Take a unit up, its 16 KiB of registers mapped; only reads. At most UNITS_MAX times. `flags` of its IVHD."""
    if u64(mmio(AmdviRegisters, base).control.read()) == ABSENT:
        return IommuProblem.NOT_THERE
    unit = AMDVI.units[AMDVI.unit_count]
    AMDVI.unit_count += 1
    unit.zero()
    said = AmdviUnitFlags.of(flags)
    unit.base = base
    unit.segment = segment
    unit.control = AmdviControl(
        enabled=True,
        tunnel=said.tunnel,
        events=True,
        pass_posted=said.pass_posted,
        response_pass_posted=said.response_pass_posted,
        coherent=True,
        isochronous=said.isochronous,
        commands=True,
    )
    return unit


@fn(cold=True)
def amdvi_start(unit: AmdviUnit, device_table: Hpa, frames: Hpa) -> IommuProblem | None:
    """Translate by the device table (DEVICE_TABLE_BYTES long). `frames`: UNIT_FRAMES of its own, zeroed.

    Whatever firmware had on is switched off first; its exclusion range would stay open to every device.
    """
    registers = mmio(AmdviRegisters, unit.base)
    registers.control.write(AmdviControl())
    if not amdvi_at_rest(unit):
        return IommuProblem.DOES_NOT_ANSWER
    registers.exclusion_base.write(0)
    registers.exclusion_limit.write(0)
    table = AmdviTableBase(frame=u64(device_table) >> 12, size=u16(DEVICE_TABLE_BYTES // 4096 - 1))
    registers.device_table.write(table)
    ring = AmdviRingBase(frame=u64(frames) >> 12, log2_entries=u8(RING_LOG2))
    registers.command_base.write(ring)
    registers.event_base.write(ring.replace(frame=ring.frame + 1))
    registers.command_head.write(0)
    registers.command_tail.write(0)
    registers.event_head.write(0)
    registers.event_tail.write(0)
    unit.frames = frames
    registers.control.write(unit.control)
    problem = forget_everything(unit)
    if problem is not None:
        return problem
    unit.on = True
    return None


@fn(cold=True)
def amdvi_at_rest(unit: AmdviUnit) -> bool:
    """Neither ring runs any more."""
    for _ in range(u32(PATIENCE)):
        status = mmio(AmdviRegisters, unit.base).status.read()
        if not status.events_run and not status.commands_run:
            return True
        pause()
    return False


@fn(cold=True)
def forget_everything(unit: AmdviUnit) -> IommuProblem | None:
    """What the unit knows of firmware's tables. Old units are told of each ID."""
    if mmio(AmdviRegisters, unit.base).features.read().invalidate_all:
        return submit(unit, AmdviCommand(kind=AmdviCommandKind.INVALIDATE_ALL), u64(0))
    for number in range(u32(IDS)):
        problem = amdvi_forget_device(unit, u16(number))
        if problem is None:
            problem = amdvi_forget_domain(unit, u16(number))
        if problem is not None:
            return problem
    return None


@fn
def amdvi_forget_device(unit: AmdviUnit, requester: u16) -> IommuProblem | None:
    """Forget one entry of the device table (2.4.2)."""
    return submit(unit, AmdviCommand(kind=AmdviCommandKind.INVALIDATE_DEVICE, requester=requester), u64(0))


@fn
def amdvi_forget_domain(unit: AmdviUnit, domain: u16) -> IommuProblem | None:
    """Forget all translations of one domain; DMA that is on its way with one has ended (2.4.1, 2.4.3)."""
    pages = u64(AmdviPages(several=True, tables=True)) | ALL_PAGES
    return submit(unit, AmdviCommand(kind=AmdviCommandKind.INVALIDATE_PAGES, domain=domain), pages)


@fn
def submit(unit: AmdviUnit, what: AmdviCommand, argument: u64) -> IommuProblem | None:
    """One command, and wait until it is done. A unit that fails once is never waited for again."""
    if unit.broken:
        return IommuProblem.DOES_NOT_ANSWER
    problem = carry_out(unit, what, argument)
    unit.broken = problem is not None
    return problem


@fn
def carry_out(unit: AmdviUnit, what: AmdviCommand, argument: u64) -> IommuProblem | None:
    """Each wait has a number of its own, so that a late answer is not taken for the next one."""
    registers = mmio(AmdviRegisters, unit.base)
    unit.sequence = unit.sequence.wrapping_add(1)
    place = unit.frames + 2 * RING_BYTES
    put(unit, u64(what), argument)
    wait = AmdviWait(kind=AmdviCommandKind.COMPLETION_WAIT, store=True, address=u64(place) >> 3)
    put(unit, u64(wait), unit.sequence)
    registers.command_tail.write(u64(unit.tail))
    for _ in range(u32(PATIENCE)):
        if phys(AmdviStatusWord, place).value == unit.sequence:
            return None
        if not registers.status.read().commands_run:
            return IommuProblem.REFUSES_COMMANDS  # it stops at a command that it does not know, or cannot read
        pause()
    return IommuProblem.DOES_NOT_ANSWER


@fn
def put(unit: AmdviUnit, low: u64, high: u64) -> None:
    """The next command. There are never more than two in the buffer, so it is never full."""
    place = phys(AmdviRingEntry, unit.frames + u64(unit.tail))
    place.low = low
    place.high = high
    unit.tail = (unit.tail + 16) & (RING_BYTES - 1)
