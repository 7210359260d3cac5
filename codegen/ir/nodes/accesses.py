"""Memory and devices: addresses in it (`Offset`, `Index`), expressions that read, statements that write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen.ir.nodes.location import Loc
from codegen.ir.types import BOOL, PTR, Type

if TYPE_CHECKING:
    from codegen.ir.nodes.kinds import Expr


@dataclass(frozen=True, slots=True)
class Offset:
    """`base` plus a constant number of bytes."""

    base: Expr
    bytes: int
    loc: Loc
    type: Type = PTR


@dataclass(frozen=True, slots=True)
class Index:
    """`base + index * stride`; with `count` (an expression of the index's type) it traps ("index out of range")
    unless index < count."""

    base: Expr
    index: Expr
    stride: int
    count: Expr | None
    loc: Loc
    type: Type = PTR


@dataclass(frozen=True, slots=True)
class Load:
    """Read `type` at `address`. `space`: "" ordinary, "gs" per-CPU (address is a Const offset). `order` "" or
    "seq_cst" for atomics."""

    address: Expr
    type: Type
    align: int
    loc: Loc
    volatile: bool = False
    space: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class Store:
    """Write `value` at `address`. `order` "", or "seq_cst" or "release" for atomics."""

    address: Expr
    value: Expr
    align: int
    loc: Loc
    volatile: bool = False
    space: str = ""
    order: str = ""


@dataclass(frozen=True, slots=True)
class AtomicUpdate:
    """`op` add sub or and exchange, sequentially consistent; the value before."""

    op: str
    address: Expr
    value: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class CompareExchange:
    """Stores `new` if memory holds `expected`; whether it did."""

    address: Expr
    expected: Expr
    new: Expr
    loc: Loc
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class MemoryEqual:
    """Whether `size` (u64) bytes at two places are equal."""

    left: Expr
    right: Expr
    size: Expr
    loc: Loc
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class MemoryCopy:
    """Copy `size` (u64) bytes. Without `overlap` the ranges do not overlap, or are the same."""

    target: Expr
    source: Expr
    size: Expr
    loc: Loc
    overlap: bool = False


@dataclass(frozen=True, slots=True)
class MemoryFill:
    target: Expr
    value: Expr
    size: Expr
    loc: Loc


@dataclass(frozen=True, slots=True)
class MmioRead:
    """Volatile read of a device register (then an acquire fence); on the host a callback."""

    address: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class MmioWrite:
    """A release fence, then a volatile write of a device register; on the host a callback."""

    address: Expr
    value: Expr
    loc: Loc


@dataclass(frozen=True, slots=True)
class PortRead:
    """IN; `port` is u16."""

    port: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class PortWrite:
    """OUT; `port` is u16."""

    port: Expr
    value: Expr
    loc: Loc
