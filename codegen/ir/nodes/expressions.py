"""Expressions that compute, choose or call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codegen.ir.nodes.location import Loc
from codegen.ir.types import BOOL, Type

if TYPE_CHECKING:
    from codegen.ir.nodes.kinds import Expr, Stmt


@dataclass(frozen=True, slots=True)
class Binary:
    """`op` is add sub mul div rem and or xor shl shr. With `check`, add sub mul trap on overflow ("overflow in +"), div
    and rem on zero, shl and shr on an amount >= width; without it they wrap, and a shift amount is masked. `div`, `rem`
    and `shr` follow the signedness of the type. Both operands have the type of the node (shift amounts too).
    """

    op: str
    left: Expr
    right: Expr
    type: Type
    check: bool
    loc: Loc


@dataclass(frozen=True, slots=True)
class Unary:
    """`op` is not (bool), invert, negate (checked), leading_zeros, trailing_zeros, count_ones."""

    op: str
    value: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Compare:
    """`op` is eq ne lt le gt ge; operands have one type (integer, bool or ptr; ptr only eq ne)."""

    op: str
    left: Expr
    right: Expr
    loc: Loc
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class Logic:
    """Short-circuit `and` / `or`."""

    op: str
    left: Expr
    right: Expr
    loc: Loc
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class Choose:
    """`then if condition else otherwise`; only one arm is evaluated."""

    condition: Expr
    then: Expr
    otherwise: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Convert:
    """Integer (or bool) to integer; ptr to u64; u64 to ptr. Extends by the operand's signedness, truncates.
    With `check` it traps ("value does not fit") when the number changes.
    """

    value: Expr
    type: Type
    check: bool
    loc: Loc


@dataclass(frozen=True, slots=True)
class WithOverflow:
    """`op` add sub mul: Aggregate(bool overflowed, T wrapped)."""

    op: str
    left: Expr
    right: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Call:
    """Call of a `Function`, `Intrinsic` or `Stub` by its symbol, or of a builtin of the back end: `trap_site_line(u32)
    -> u32`, `trap_site_file(u32) -> span`, `trap_site_kind(u32) -> span`."""

    callee: str
    arguments: tuple[Expr, ...]
    type: Type
    loc: Loc
    noreturn: bool = False


@dataclass(frozen=True, slots=True)
class CallIndirect:
    """Call of entry `index` of the `FunctionTable` `table`; traps ("index out of range") outside it."""

    table: str
    index: Expr
    arguments: tuple[Expr, ...]
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class MakeAggregate:
    items: tuple[Expr, ...]
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Extract:
    """Item `index` of an aggregate value."""

    value: Expr
    index: int
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Sequence:
    """Statements, then a value: where one source expression needs steps or a temporary."""

    body: tuple[Stmt, ...]
    result: Expr
    type: Type
    loc: Loc
