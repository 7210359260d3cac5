"""ACPI table DMAR: VT-d units and the memory that firmware reserves for devices (VT-d 4.1, chapter 8)."""

from __future__ import annotations

from codegen.lang import Field, Hpa, HwEnum, Span, Struct, at, fn, len, u8, u16, u64, usize
from drivers.iommu.reported import leave_range_out, report_range, report_unit

DMAR_BYTES = 48  # 36 of the header, address width, flags, 10 reserved
DRHD_BYTES = 16
RMRR_BYTES = 24


class RemappingKind(HwEnum, repr=u16):
    """The structures that we know; others are skipped by their length (8.2)."""

    HARDWARE_UNIT = 0  # DRHD
    RESERVED_MEMORY = 1  # RMRR


class RemappingStructure(Struct, size=4, align=1):
    """The beginning of each."""

    kind: Field[u16] = at(0)
    length: Field[u16] = at(2)


class HardwareUnit(Struct, size=DRHD_BYTES, align=1):
    """DRHD (8.3). Scopes follow; see reported.py why they are not read."""

    flags: Field[u8] = at(4)
    segment: Field[u16] = at(6)
    base: Field[u64] = at(8)


class ReservedMemory(Struct, size=RMRR_BYTES, align=1):
    """RMRR (8.4). Scopes of the devices that need it follow."""

    segment: Field[u16] = at(6)
    base: Field[u64] = at(8)
    limit: Field[u64] = at(16)  # the last byte


class DeviceScope(Struct, size=8, align=1):
    """8.3.1, with the path's first step. Longer paths lead through bridges."""

    kind: Field[u8] = at(0)
    length: Field[u8] = at(1)
    bus: Field[u8] = at(5)
    device: Field[u8] = at(6)
    function: Field[u8] = at(7)


SCOPE_ENDPOINT = 1
SCOPE_BYTES = 8  # with one step


@fn(cold=True)
def dmar_read(table: Span) -> None:
    """All structures; one that is too short, or runs over the end, ends the table."""
    offset = usize(DMAR_BYTES)
    while True:
        head = table.view(offset, RemappingStructure)
        if head is None or head.length < 4 or usize(head.length) > len(table) - offset:
            return
        read_structure(head.kind, table.slice(offset, usize(head.length)))
        offset += usize(head.length)


@fn(cold=True)
def read_structure(kind: u16, content: Span) -> None:
    """`view` is None where it is shorter than its kind says."""
    if kind == u16(RemappingKind.HARDWARE_UNIT):
        unit = content.view(0, HardwareUnit)
        if unit is not None:
            report_unit(Hpa(unit.base), unit.segment, unit.flags)
    elif kind == u16(RemappingKind.RESERVED_MEMORY):
        memory = content.view(0, ReservedMemory)
        if memory is not None:
            read_reserved(memory, content)


@fn(cold=True)
def read_reserved(memory: ReservedMemory, content: Span) -> None:
    """One range for each device of segment 0 that the path names in one step."""
    end = memory.limit.checked_add(1)
    offset = usize(RMRR_BYTES)
    while True:
        scope = content.view(offset, DeviceScope)
        if scope is None or scope.length < 6:
            return
        simple = scope.kind == SCOPE_ENDPOINT and scope.length == SCOPE_BYTES
        if end is None or memory.segment != 0 or not simple or scope.device > 31 or scope.function > 7:
            leave_range_out()
        else:
            requester = u16(scope.bus) << 8 | u16(scope.device) << 3 | u16(scope.function)
            report_range(requester, memory.base, end)
        offset += usize(scope.length)
