"""DMAR and IVRS are the firmware's word: whatever they say, nothing is read beyond them, and no count is believed."""

import random
import struct

import pytest

from codegen.lang import Hpa, host, phys_span, storage, u16, usize
from drivers.iommu.dmar import dmar_read
from drivers.iommu.ivrs import OpenRange, ivrs_read
from drivers.iommu.reported import ALIASES_MAX, PASSES_MAX, RANGES_MAX, REPORTED, UNITS_MAX, source_of
from tests.iommu.execution import Run, everywhere
from tests.iommu.firmware import alias, dmar, drhd, ivhd, ivmd, ivrs, rmrr, scope

SCRATCH = storage(OpenRange)


def read(run: Run, table: bytes) -> None:
    """The table lies at the end of the RAM that is readable, so a byte beyond it is a failure."""
    place = host.memory.size - len(table)
    host.memory.write(Hpa(place), table)
    content = phys_span(Hpa(place), usize(len(table)))
    if table[:4] == b"DMAR":
        run(dmar_read, content)
    else:
        run(ivrs_read, content, SCRATCH)


def units() -> list[tuple[int, int]]:
    return [(int(REPORTED.units[i].base), int(REPORTED.units[i].segment)) for i in range(int(REPORTED.unit_count))]


@everywhere
def test_what_sound_tables_say_is_understood(run: Run) -> None:
    read(run, dmar(drhd(0x1000), rmrr(0x5000, 0x5FFF, scope(1, 2, 3)), struct.pack("<HH", 9, 4), drhd(0x2000, 1)))
    assert units() == [(0x1000, 0), (0x2000, 1)]
    place = REPORTED.ranges[0]
    assert (int(place.requester), int(place.base), int(place.end)) == (0x113, 0x5000, 0x6000)
    host.reset()
    wide = struct.pack("<BHB", 3, 0x20, 0xD7) + struct.pack("<BHB", 4, 0x2F, 0)
    read(run, ivrs(ivhd(0x1000, wide, kind=0x10), ivhd(0x1000, alias(8, 0x80)), ivmd(0x18, 0x5000, 0x1000)))
    assert units() == [(0x1000, 0)]
    assert int(run(source_of, u16(8))) == 0x80 and int(run(source_of, u16(9))) == 9
    passes = REPORTED.passes[0]
    assert (int(passes.first), int(passes.last), int(passes.setting)) == (0x20, 0x2F, 0xD7)
    assert int(REPORTED.range_count) == 1


@everywhere
def test_more_than_we_can_hold_is_counted(run: Run) -> None:
    ranges = [rmrr(0x5000, 0x5FFF, *[scope(0, 1, 0)] * 40)]
    read(run, dmar(*(drhd(0x1000 * number) for number in range(1, 100)), *ranges))
    assert (int(REPORTED.unit_count), int(REPORTED.units_beyond)) == (UNITS_MAX, 99 - UNITS_MAX)
    assert (int(REPORTED.range_count), int(REPORTED.ranges_left_out)) == (RANGES_MAX, 40 - RANGES_MAX)
    host.reset()
    aliases = [alias(number, 0x1000 + number) for number in range(100)]
    passes = [struct.pack("<BHB", 2, number, 1) for number in range(100)]
    read(run, ivrs(ivhd(0x1000, *aliases, *passes)))
    assert (int(REPORTED.alias_count), int(REPORTED.aliases_beyond)) == (ALIASES_MAX, 100 - ALIASES_MAX)
    assert int(REPORTED.pass_count) == PASSES_MAX


@everywhere
@pytest.mark.parametrize(
    "structure",
    [b"", b"\0", b"\0\0\0", bytes(4), bytes(64), b"\0\0\x03\0", b"\0\0\xff\xff", b"\0\0\x08\0" + bytes(4)],
)
def test_a_structure_that_is_too_short_or_too_long_ends_the_table(run: Run, structure: bytes) -> None:
    read(run, dmar(drhd(0x1000), structure))
    assert units() == [(0x1000, 0)]
    host.reset()
    read(run, ivrs(ivhd(0x1000), structure))
    assert units() == [(0x1000, 0)]


@everywhere
def test_a_reserved_range_that_makes_no_sense_is_left_out(run: Run) -> None:
    last = 2**64 - 1
    for base, end in ((0x6000, 0x5000), (0, last), (last, last)):
        read(run, dmar(rmrr(base, end, scope(0, 1, 0))))
        read(run, ivrs(ivmd(8, base, last)))
    read(run, dmar(rmrr(0x5000, 0x5FFF, scope(0, 32, 0), scope(0, 1, 8))))
    assert int(REPORTED.range_count) == 1  # IVMD from 0 to the end but one byte
    assert int(REPORTED.ranges_left_out) == 7


@everywhere
def test_tables_with_random_bytes_are_read_to_their_end_and_no_further(run: Run) -> None:
    chance = random.Random(11)
    sound = [
        dmar(drhd(0x1000), rmrr(0x5000, 0x5FFF, scope(0, 1, 0), scope(0, 2, 0)), drhd(0x2000)),
        ivrs(ivhd(0x1000, alias(8, 9), struct.pack("<BHB", 3, 8, 1)), ivmd(8, 0x5000, 0x1000), ivhd(0x2000, kind=0x40)),
    ]
    for _ in range(400):
        table = bytearray(chance.choice(sound))
        for _ in range(chance.randint(1, 6)):
            table[chance.randrange(48, len(table))] = chance.choice(
                (0, 1, 4, 8, 0x42, 0x7F, 0xF0, 0xFF, chance.randrange(256))
            )
        read(run, bytes(table[: chance.randint(48, len(table))]))
        assert int(REPORTED.unit_count) <= UNITS_MAX and int(REPORTED.range_count) <= RANGES_MAX
        assert int(REPORTED.alias_count) <= ALIASES_MAX and int(REPORTED.pass_count) <= PASSES_MAX
