"""What the firmware's table says of IOMMUs, DMAR or IVRS alike. All of it is hostile until checked; counts are not.

Which unit serves which device is not kept: all units of segment 0 get the same tables, and a device's requests find the
same entry there, whichever unit they reach. So a scope that is wrong opens nothing.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Hpa, HwEnum, Struct, count, fn, range, storage, u8, u16, u32, u64

UNITS_MAX = 16
RANGES_MAX = 16
ALIASES_MAX = 32
PASSES_MAX = 16


class IommuKind(HwEnum, repr=u8):
    """Which units the machine has."""

    NONE = 0
    VTD = 1
    AMDVI = 2


class ReportedUnit(Struct):
    """One unit."""

    base: Field[Hpa]
    segment: Field[u16]
    flags: Field[u8]  # AMD-Vi: IVHD flags


class ReservedRange(Struct):
    """Memory that firmware uses by DMA of one device: RMRR or unity-mapped IVMD."""

    base: Field[u64]
    end: Field[u64]  # exclusive
    requester: Field[u16]


class Alias(Struct):
    """AMD-Vi: requests of `first` to `last` arrive with the ID `source`."""

    first: Field[u16]
    last: Field[u16]
    source: Field[u16]


class Passes(Struct):
    """AMD-Vi: system messages that `first` to `last` may send (IVHD data byte)."""

    first: Field[u16]
    last: Field[u16]
    setting: Field[u8]


class Reported(Struct):
    """What was found, and how much found no room or was not understood."""

    kind: Field[IommuKind]
    unit_count: Field[u32]
    units: Array[ReportedUnit] = count(UNITS_MAX)
    units_beyond: Field[u32]
    range_count: Field[u32]
    ranges: Array[ReservedRange] = count(RANGES_MAX)
    ranges_left_out: Field[u32]  # no room, behind a bridge, or for every device
    alias_count: Field[u32]
    aliases: Array[Alias] = count(ALIASES_MAX)
    aliases_beyond: Field[u32]
    pass_count: Field[u32]
    passes: Array[Passes] = count(PASSES_MAX)


REPORTED = storage(Reported)


@fn(cold=True)
def report_unit(base: Hpa, segment: u16, flags: u8) -> None:
    """Each once: IVRS describes a unit in several blocks."""
    for i in range(REPORTED.unit_count):
        if REPORTED.units[i].base == base:
            return
    if REPORTED.unit_count == UNITS_MAX:
        REPORTED.units_beyond = REPORTED.units_beyond.wrapping_add(1)
        return
    unit = REPORTED.units[REPORTED.unit_count]
    unit.base = base
    unit.segment = segment
    unit.flags = flags
    REPORTED.unit_count += 1


@fn(cold=True)
def report_range(requester: u16, base: u64, end: u64) -> None:
    """A reserved range of one device; one that is empty or runs backwards is left out."""
    if base >= end or REPORTED.range_count == RANGES_MAX:
        leave_range_out()
        return
    place = REPORTED.ranges[REPORTED.range_count]
    place.base = base
    place.end = end
    place.requester = requester
    REPORTED.range_count += 1


@fn(cold=True)
def leave_range_out() -> None:
    """Its device stays denied."""
    REPORTED.ranges_left_out = REPORTED.ranges_left_out.wrapping_add(1)


@fn(cold=True)
def report_alias(first: u16, last: u16, source: u16) -> None:
    """Each once."""
    for i in range(REPORTED.alias_count):
        known = REPORTED.aliases[i]
        if known.first == first and known.last == last and known.source == source:
            return
    if REPORTED.alias_count == ALIASES_MAX:
        REPORTED.aliases_beyond = REPORTED.aliases_beyond.wrapping_add(1)
        return
    place = REPORTED.aliases[REPORTED.alias_count]
    place.first = first
    place.last = last
    place.source = source
    REPORTED.alias_count += 1


@fn(cold=True)
def report_passes(first: u16, last: u16, setting: u8) -> None:
    """A data byte of zero says nothing, and beyond PASSES_MAX the messages stay blocked."""
    if setting != 0 and REPORTED.pass_count < PASSES_MAX:
        place = REPORTED.passes[REPORTED.pass_count]
        place.first = first
        place.last = last
        place.setting = setting
        REPORTED.pass_count += 1


@fn(cold=True)
def source_of(requester: u16) -> u16:
    """The ID with which this device's requests arrive: its own, unless the table names an alias."""
    for i in range(REPORTED.alias_count):
        alias = REPORTED.aliases[i]
        if alias.first <= requester and requester <= alias.last:
            return alias.source
    return requester
