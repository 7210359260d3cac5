"""Statements: locals, effects, control flow. Those that write memory or devices stand in accesses.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen.ir.nodes.location import Loc
from codegen.ir.nodes.values import Local

if TYPE_CHECKING:
    from codegen.ir.nodes.kinds import Expr, Stmt


@dataclass(frozen=True, slots=True)
class SetLocal:
    local: Local
    value: Expr
    loc: Loc


@dataclass(frozen=True, slots=True)
class Evaluate:
    """An expression for its effect."""

    value: Expr
    loc: Loc


@dataclass(frozen=True, slots=True)
class If:
    condition: Expr
    then: tuple[Stmt, ...]
    otherwise: tuple[Stmt, ...]
    loc: Loc


@dataclass(frozen=True, slots=True)
class Loop:
    """While `condition`: `body`, then `step`; Continue goes to `step`, Break behind the loop."""

    condition: Expr
    body: tuple[Stmt, ...]
    step: tuple[Stmt, ...]
    loc: Loc


@dataclass(frozen=True, slots=True)
class Block:
    """`body` once; Break with this `label` leaves it (unrolled static loops)."""

    label: int
    body: tuple[Stmt, ...]
    loc: Loc


@dataclass(frozen=True, slots=True)
class Switch:
    """`cases`: (values, body) pairs; no fall-through."""

    value: Expr
    cases: tuple[tuple[tuple[int, ...], tuple[Stmt, ...]], ...]
    default: tuple[Stmt, ...]
    loc: Loc


@dataclass(frozen=True, slots=True)
class Break:
    """Leaves the innermost Loop, or the Block of `label` when it is not None."""

    loc: Loc
    label: int | None = None


@dataclass(frozen=True, slots=True)
class Continue:
    loc: Loc


@dataclass(frozen=True, slots=True)
class Return:
    value: Expr | None
    loc: Loc


@dataclass(frozen=True, slots=True)
class Trap:
    """A failed check: calls `trap(site)`; does not return."""

    kind: str
    loc: Loc


@dataclass(frozen=True, slots=True)
class Unreachable:
    """After a call that does not return."""

    loc: Loc
