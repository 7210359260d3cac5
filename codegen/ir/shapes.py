"""What types of the source look like in memory, for debuggers. Shapes refer to each other by name: layouts may be
recursive, and a program has each of them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Scalar:
    """An integer, a truth value or an address; `size` in bytes."""

    name: str
    size: int
    encoding: Literal["unsigned", "signed", "boolean"]


@dataclass(frozen=True, slots=True)
class Enumeration:
    """`members` are (name, number) in the order of the source; `base` is a Scalar's name."""

    name: str
    base: str
    members: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class BitPart:
    """Bits `low` and up, `width` of them."""

    name: str
    low: int
    width: int
    shape: str


@dataclass(frozen=True, slots=True)
class BitFields:
    """A value with named ranges of bits in an integer `base`."""

    name: str
    base: str
    parts: tuple[BitPart, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of a Record, `offset` bytes from its start; `count` elements every `stride` bytes, None for no array."""

    name: str
    shape: str
    offset: int
    count: int | None = None
    stride: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """A layout in memory; sizes in bytes."""

    name: str
    size: int
    align: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """`count` elements of `shape` every `stride` bytes."""

    name: str
    shape: str
    count: int
    stride: int


@dataclass(frozen=True, slots=True)
class Reference:
    """An address of `target`; null for an absent one."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Group:
    """Several values together, as an Aggregate of the IR holds them: tuples, spans, options, results."""

    name: str
    items: tuple[tuple[str, str], ...]


Shape = Scalar | Enumeration | BitFields | Record | Row | Reference | Group


def mentioned(shape: Shape) -> tuple[str, ...]:
    """The names of the shapes that this one refers to."""
    match shape:
        case Scalar():
            return ()
        case Enumeration(_, base):
            return (base,)
        case BitFields(_, base, parts):
            return (base, *(part.shape for part in parts))
        case Record(_, _, _, cells):
            return tuple(cell.shape for cell in cells)
        case Row(_, element):
            return (element,)
        case Reference(_, target):
            return (target,)
        case Group(_, items):
            return tuple(item for _, item in items)
