"""Who answers which I/O port: chips claim their ports here at build time, `ports.py` makes the dispatch tables of
it."""

from __future__ import annotations

import dis
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from codegen.lang import fn, u32, u64
from hypervisor.devices.board import Board

PORTS_PER_PAGE = 256
ALL_ONES = 0xFFFF_FFFF
CLOCK = 0x80  # in a claim's widths: it wants to know the time

PortReader = Callable[[Board, u32, u32, u64], u32]  # board, port, width in bytes, now in ns
PortWriter = Callable[[Board, u32, u32, u32, u64], None]  # board, port, width in bytes, value, now in ns


@dataclass(frozen=True)
class PortClaim:
    """Consecutive ports with one reader and one writer. Accesses of a width in bytes that is not in `widths` arrive
    as single bytes, as on a bus with byte-wide devices."""

    first: int
    count: int
    read: PortReader
    write: PortWriter
    widths: tuple[int, ...]


CLAIMS: list[PortClaim] = []


def claim_ports(first: int, count: int, read: PortReader, write: PortWriter, widths: tuple[int, ...] = (1,)) -> None:
    """Claim `count` ports from `first`; a build error when one is taken."""
    for other in CLAIMS:
        if first < other.first + other.count and other.first < first + count:
            raise ValueError(f"ports {first:#x} to {first + count - 1:#x} are claimed already, from {other.first:#x}")
    CLAIMS.append(PortClaim(first, count, read, write, widths))


@fn
def read_ones(board: Board, port: u32, width: u32, now: u64) -> u32:
    """Nobody drives the bus."""
    return u32(ALL_ONES)


@fn
def ignore_write(board: Board, port: u32, width: u32, value: u32, now: u64) -> None:
    """Nobody listens."""
    return


def wants_clock(claim: PortClaim) -> bool:
    """Whether its reader or writer looks at `now`: reading the clock for the others would be in vain."""
    routines: tuple[Any, ...] = (claim.read, claim.write)
    steps = [step.argval for routine in routines for step in dis.get_instructions(routine.function)]
    return any("now" in value if isinstance(value, tuple) else value == "now" for value in steps)


@dataclass(frozen=True)
class PortTables:
    """Two levels: port / 256 gives a page, page and port give the index of a claim plus 1; 0 is nobody's. The lists
    by index are filled up to a power of two, so that masking an index is all the check it needs."""

    pages: list[int]
    indexes: list[int]
    widths: list[int]  # by index: the widths in bytes and CLOCK, or-ed together
    readers: list[PortReader]
    writers: list[PortWriter]


def port_tables() -> PortTables:
    """The tables of all claims made so far."""
    pages = [0] * (0x1_0000 // PORTS_PER_PAGE)
    indexes = [0] * PORTS_PER_PAGE
    for number, claim in enumerate(CLAIMS, start=1):
        for port in range(claim.first, claim.first + claim.count):
            page = port // PORTS_PER_PAGE
            if pages[page] == 0:
                pages[page] = len(indexes) // PORTS_PER_PAGE
                indexes += [0] * PORTS_PER_PAGE
            indexes[pages[page] * PORTS_PER_PAGE + port % PORTS_PER_PAGE] = number
    spare = (1 << len(CLAIMS).bit_length()) - len(CLAIMS) - 1
    return PortTables(
        pages,
        indexes,
        [7] + [sum(claim.widths) | (CLOCK if wants_clock(claim) else 0) for claim in CLAIMS] + [7] * spare,
        [read_ones] + [claim.read for claim in CLAIMS] + [read_ones] * spare,
        [ignore_write] + [claim.write for claim in CLAIMS] + [ignore_write] * spare,
    )
