"""All kinds of nodes: the closed sets that a `match` over a tree covers."""

from __future__ import annotations

from typing import get_args

from codegen.ir.nodes.accesses import (
    AtomicUpdate,
    CompareExchange,
    Index,
    Load,
    MemoryCopy,
    MemoryEqual,
    MemoryFill,
    MmioRead,
    MmioWrite,
    Offset,
    PortRead,
    PortWrite,
    Store,
)
from codegen.ir.nodes.expressions import (
    Binary,
    Call,
    CallIndirect,
    Choose,
    Compare,
    Convert,
    Extract,
    Logic,
    MakeAggregate,
    Sequence,
    Unary,
    WithOverflow,
)
from codegen.ir.nodes.statements import (
    Block,
    Break,
    Continue,
    Evaluate,
    If,
    Loop,
    Return,
    SetLocal,
    Switch,
    Trap,
    Unreachable,
)
from codegen.ir.nodes.values import Const, Local, Null, StackSlot, Symbol, Undefined

Expr = (
    Const | Null | Undefined | Symbol | Local | StackSlot | Binary | Unary | Compare | Logic | Choose | Convert
    | WithOverflow | Load | Offset | Index | Call | CallIndirect | MmioRead | PortRead | AtomicUpdate | CompareExchange
    | MakeAggregate | Extract | MemoryEqual | Sequence
)  # fmt: skip
Stmt = (
    SetLocal | Store | MmioWrite | PortWrite | MemoryCopy | MemoryFill | Evaluate | If | Loop | Block | Switch | Break
    | Continue | Return | Trap | Unreachable
)  # fmt: skip

KINDS = frozenset[type]((*get_args(Expr), *get_args(Stmt)))
"""The classes of both."""
