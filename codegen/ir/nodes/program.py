"""What a program holds: its functions and all that they refer to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codegen.ir.nodes.kinds import Stmt
from codegen.ir.nodes.location import Loc
from codegen.ir.nodes.values import Local
from codegen.ir.shapes import Shape
from codegen.ir.types import Type


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
