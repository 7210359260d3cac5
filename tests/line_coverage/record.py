"""The record of the last full measurement, function by function: what the ordinary tests hold the figure against.

A function that has changed since then, or is new, counts as not run. So the figure falls with unmeasured code, and a
measurement is due long before it says anything untrue.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.line_coverage.figures import Figure, Measured, figure
from tests.line_coverage.functions import RingZeroFunction

FILE = Path(__file__).with_name("record.txt")
GOAL = 85.0
"""Percent of the lines, in each of the two folders."""

Record = dict[tuple[str, str], Figure]


def write_record(functions: Iterable[Measured], file: Path = FILE) -> None:
    """A line per function: its name, the digest of its text, lines that ran, lines."""
    rows = []
    for each in functions:
        one = figure([each])
        rows.append(f"{each.function.file}:{each.function.name} {each.function.digest} {one.ran} {one.of}\n")
    file.write_text("".join(rows))


def read_record(file: Path = FILE) -> Record:
    """By name and digest: a function that only moved to another file is still the one that was measured."""
    record = {}
    for row in file.read_text().splitlines():
        place, digest, ran, of = row.split()
        record[place.rpartition(":")[2], digest] = Figure(int(ran), int(of))
    return record


def recorded_figure(functions: Iterable[RingZeroFunction], record: Record) -> Figure:
    """Of these functions as they are now."""
    total = Figure()
    for each in functions:
        unknown = Figure(0, len(set(each.statements.values())))
        total += record.get((each.name, each.digest), unknown)
    return total
