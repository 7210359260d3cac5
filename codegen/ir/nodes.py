"""Nodes of the IR: a tree per function, structured control flow, explicit addresses. Every node has a location."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codegen.ir.shapes import Shape
from codegen.ir.types import BOOL, PTR, Type


@dataclass(frozen=True, slots=True)
class Loc:
    """A place in a source file; lines and columns count from 1. `end_column` is exclusive."""

    file: str
    line: int
    column: int = 1
    end_line: int = 0
    end_column: int = 0


# ---- expressions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Const:
    """An integer or truth value; `value` is in the type's range (negative for signed types)."""

    type: Type
    value: int
    loc: Loc


@dataclass(frozen=True, slots=True)
class Null:
    """The absent reference."""

    loc: Loc
    type: Type = PTR


@dataclass(frozen=True, slots=True)
class Undefined:
    """The payload of an option or result that holds nothing (printed as zeroinitializer)."""

    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class Symbol:
    """Address of a `Data` (or, in stubs only, a function) of this name."""

    name: str
    loc: Loc
    type: Type = PTR


@dataclass(frozen=True, slots=True)
class Local:
    """A local variable or parameter; identity is `number`, unique in its function. `shape` names what debuggers show;
    temporaries have none.
    """

    number: int
    name: str
    type: Type
    loc: Loc
    shape: str = ""


@dataclass(frozen=True, slots=True)
class StackSlot:
    """Address of stack memory of this function; `number` is unique in its function. Not zeroed by itself."""

    number: int
    name: str
    size: int
    align: int
    loc: Loc
    type: Type = PTR


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
class MmioRead:
    """Volatile read of a device register (then an acquire fence); on the host a callback."""

    address: Expr
    type: Type
    loc: Loc


@dataclass(frozen=True, slots=True)
class PortRead:
    """IN; `port` is u16."""

    port: Expr
    type: Type
    loc: Loc


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
class MemoryEqual:
    """Whether `size` (u64) bytes at two places are equal."""

    left: Expr
    right: Expr
    size: Expr
    loc: Loc
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class Sequence:
    """Statements, then a value: where one source expression needs steps or a temporary."""

    body: tuple[Stmt, ...]
    result: Expr
    type: Type
    loc: Loc


# ---- statements ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetLocal:
    local: Local
    value: Expr
    loc: Loc


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
class MmioWrite:
    """A release fence, then a volatile write of a device register; on the host a callback."""

    address: Expr
    value: Expr
    loc: Loc


@dataclass(frozen=True, slots=True)
class PortWrite:
    """OUT; `port` is u16."""

    port: Expr
    value: Expr
    loc: Loc


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


Expr = (
    Const | Null | Undefined | Symbol | Local | StackSlot | Binary | Unary | Compare | Logic | Choose | Convert
    | WithOverflow | Load | Offset | Index | Call | CallIndirect | MmioRead | PortRead | AtomicUpdate | CompareExchange
    | MakeAggregate | Extract | MemoryEqual | Sequence
)  # fmt: skip
Stmt = (
    SetLocal | Store | MmioWrite | PortWrite | MemoryCopy | MemoryFill | Evaluate | If | Loop | Block | Switch | Break
    | Continue | Return | Trap | Unreachable
)  # fmt: skip


# ---- what a program holds --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Function:
    """`name` is what a person calls it (module.qualname); `symbol` is unique in the program. `origin` is the object of
    the language that it was made of, for tests that call it.
    """

    symbol: str
    name: str
    parameters: tuple[Local, ...]
    result: Type
    body: tuple[Stmt, ...]
    locals: tuple[Local, ...]
    loc: Loc
    section: str = ".text"
    noinline: bool = False
    cold: bool = False
    noreturn: bool = False
    exported: bool = False
    origin: Any = None
    inline: bool = False
    hot: bool = False
    result_shape: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a caller must know of a `Function`, whether or not its body is at hand."""

    symbol: str
    parameters: tuple[Type, ...]
    result: Type
    cold: bool = False
    noreturn: bool = False
    exported: bool = False
    hot: bool = False


@dataclass(frozen=True, slots=True)
class Intrinsic:
    """One instruction: `template` and `constraints` are LLVM inline assembly; `model` the
    object of the language, whose call runs its Python body for the host.
    """

    symbol: str
    template: str
    constraints: str
    parameters: tuple[Type, ...]
    result: Type
    model: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Relocation:
    """In a Data: 8 bytes at `offset` hold the address of `symbol` plus `addend`. In a Stub also kind "pc32" (4 bytes,
    addend -4), "abs32" (4 bytes)."""

    offset: int
    symbol: str
    addend: int = 0
    kind: str = "abs64"


@dataclass(frozen=True, slots=True)
class Data:
    """Static memory; `contents` None is zero-filled. `hidden`: seen by devices or other CPUs, never made internal.
    `literal`: a byte string of some function's, called after its content.

    `host` gives the address at which CPython keeps the same object: native code in the test process uses that memory.
    """

    symbol: str
    size: int
    align: int
    contents: bytes | None
    constant: bool
    section: str = ""
    hidden: bool = False
    relocations: tuple[Relocation, ...] = ()
    host: Callable[[], int] | None = None
    literal: bool = False
    shape: str = ""


@dataclass(frozen=True, slots=True)
class FunctionTable:
    symbol: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stub:
    """Assembled machine code with relocations to symbols; `clobbers` are registers that its caller must save."""

    symbol: str
    code: bytes
    relocations: tuple[Relocation, ...]
    parameters: tuple[Type, ...]
    result: Type
    section: str = ".text"
    align: int = 16
    clobbers: tuple[str, ...] = ()


@dataclass(slots=True)
class Program:
    """All that one image is made of. `per_cpu` is the language's object behind the loads and stores through GS;
    `shapes` are for debuggers, by name, and of these `described` the layouts that the units of a program share.

    `declarations` are of every function that something refers to; while a part of a program is compiled, `functions`
    are those of the part.
    """

    functions: dict[str, Function] = field(default_factory=dict)
    declarations: dict[str, Declaration] = field(default_factory=dict)
    intrinsics: dict[str, Intrinsic] = field(default_factory=dict)
    data: dict[str, Data] = field(default_factory=dict)
    tables: dict[str, FunctionTable] = field(default_factory=dict)
    stubs: dict[str, Stub] = field(default_factory=dict)
    per_cpu: Any = None
    shapes: dict[str, Shape] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)
