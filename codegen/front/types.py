"""Types as the source speaks of them. Nominal: two are the same only when equal here; `ir` is what a machine holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codegen.ir.types import BOOL, PTR, SPAN, U16, U32, U64, VOID, Aggregate, Int
from codegen.ir.types import Type as IrType


@dataclass(frozen=True, slots=True)
class IntType:
    """u8 … i64 and usize; `name` tells usize from u64."""

    name: str
    ir: Int

    def __str__(self) -> str:
        return self.name

    @property
    def low(self) -> int:
        return -(1 << self.ir.bits - 1) if self.ir.signed else 0

    @property
    def high(self) -> int:
        return (1 << self.ir.bits - 1) - 1 if self.ir.signed else (1 << self.ir.bits) - 1


@dataclass(frozen=True, slots=True)
class BoolType:
    """The only type of a condition."""

    ir: IrType = BOOL

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class AddressType:
    """Gpa, Hpa, Gva or Hva."""

    name: str
    ir: Int = U64

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class EnumType:
    """A HwEnum class; `cls` is the Python class, `repr` its integer."""

    cls: Any
    repr: IntType

    def __str__(self) -> str:
        return str(self.cls.__name__)

    @property
    def ir(self) -> Int:
        return self.repr.ir


@dataclass(frozen=True, slots=True)
class BitsType:
    """A BitStruct class."""

    cls: Any
    repr: IntType

    def __str__(self) -> str:
        return str(self.cls.__name__)

    @property
    def ir(self) -> Int:
        return self.repr.ir


@dataclass(frozen=True, slots=True)
class StructType:
    """A reference to a layout in memory, never null."""

    cls: Any
    ir: IrType = PTR

    def __str__(self) -> str:
        return str(self.cls.__name__)


@dataclass(frozen=True, slots=True)
class SpanType:
    """Bytes: address and length."""

    ir: IrType = SPAN

    def __str__(self) -> str:
        return "Span"


@dataclass(frozen=True, slots=True)
class TupleType:
    """Several results."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.items))}]"

    @property
    def ir(self) -> IrType:
        return Aggregate(tuple(item.ir for item in self.items))


@dataclass(frozen=True, slots=True)
class OptionType:
    """`T | None`. A struct is a pointer, null when absent; everything else is (present, value)."""

    item: Type

    def __str__(self) -> str:
        return f"{self.item} | None"

    @property
    def ir(self) -> IrType:
        return PTR if self.item.ir == PTR else Aggregate((BOOL, self.item.ir))


@dataclass(frozen=True, slots=True)
class ResultType:
    """`T | E`: (is a value, value, error)."""

    item: Type
    error: EnumType

    def __str__(self) -> str:
        return f"{self.item} | {self.error}"

    @property
    def ir(self) -> IrType:
        return Aggregate((BOOL, self.item.ir, self.error.ir))


@dataclass(frozen=True, slots=True)
class NoneType:
    """No result, and the value None."""

    ir: IrType = VOID

    def __str__(self) -> str:
        return "None"


@dataclass(frozen=True, slots=True)
class NeverType:
    """Does not return."""

    ir: IrType = VOID

    def __str__(self) -> str:
        return "Never"


@dataclass(frozen=True, slots=True)
class BlockType:
    """A block of device registers: an address (mmio) or a port number."""

    cls: Any
    ports: bool

    def __str__(self) -> str:
        return str(self.cls.__name__)

    @property
    def ir(self) -> IrType:
        return U16 if self.ports else PTR


@dataclass(frozen=True, slots=True)
class TrapSiteType:
    """What a site number stands for; the value is the number."""

    ir: Int = U32

    def __str__(self) -> str:
        return "TrapSite"


@dataclass(frozen=True, slots=True)
class LiteralType:
    """An untyped integer: only beside a typed operand, or stored into a typed cell."""

    ir: IrType = VOID

    def __str__(self) -> str:
        return "an untyped number"


@dataclass(frozen=True, slots=True)
class StaticType:
    """A build-time object that is no machine value: a layout, a function, a table, a frozen dataclass."""

    ir: IrType = VOID

    def __str__(self) -> str:
        return "a build-time object"


@dataclass(frozen=True, slots=True)
class ArrayType:
    """An array in memory; the value is its address. Its length is a build-time number."""

    item: Type
    count: int
    stride: int
    align: int
    shared: bool = False
    constant: bool = False
    ir: IrType = PTR

    def __str__(self) -> str:
        return f"Array[{self.item}]"


@dataclass(frozen=True, slots=True)
class AtomicType:
    """An atomic cell; the value is its address."""

    item: Type
    ir: IrType = PTR

    def __str__(self) -> str:
        return f"Atomic[{self.item}]"


@dataclass(frozen=True, slots=True)
class RegisterType:
    """A device register; the value is its address or port. `count` is None for a single one."""

    item: Type
    access: str
    ports: bool
    block: Any
    register: str
    count: int | None = None
    stride: int = 0

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.block.__name__}.{self.register}"

    def __str__(self) -> str:
        return f"{'Reg' if self.count is None else 'RegArray'}[{self.item}]"

    @property
    def ir(self) -> IrType:
        return U16 if self.ports else PTR


Type = (
    IntType | BoolType | AddressType | EnumType | BitsType | StructType | SpanType | TupleType | OptionType | ResultType
    | NoneType | NeverType | BlockType | TrapSiteType | LiteralType | StaticType | ArrayType | AtomicType | RegisterType
)  # fmt: skip

U8T, U16T, U32T, U64T = (IntType(f"u{bits}", Int(bits)) for bits in (8, 16, 32, 64))
I8T, I16T, I32T, I64T = (IntType(f"i{bits}", Int(bits, signed=True)) for bits in (8, 16, 32, 64))
USIZE = IntType("usize", Int(64))
INTEGERS = {t.name: t for t in (U8T, U16T, U32T, U64T, I8T, I16T, I32T, I64T, USIZE)}
BOOLEAN, NONE, NEVER, SPAN_TYPE = BoolType(), NoneType(), NeverType(), SpanType()
LITERAL, STATIC, TRAP_SITE = LiteralType(), StaticType(), TrapSiteType()
ADDRESSES = {name: AddressType(name) for name in ("Gpa", "Hpa", "Gva", "Hva")}
HVA, HPA = ADDRESSES["Hva"], ADDRESSES["Hpa"]

Scalar = IntType | BoolType | AddressType | EnumType | BitsType


def is_storable(kind: Type) -> bool:
    """Whether a cell in memory may hold it."""
    return isinstance(kind, Scalar | StructType) or (isinstance(kind, OptionType) and isinstance(kind.item, StructType))


def is_local(kind: Type) -> bool:
    """Whether a local, an argument or a result may hold it."""
    return not isinstance(kind, NoneType | NeverType | LiteralType | StaticType | ArrayType | AtomicType | RegisterType)


def is_unsigned(kind: Type) -> bool:
    """An unsigned integer type."""
    return isinstance(kind, IntType) and not kind.ir.signed


def quoted(kind: Type) -> str:
    """A type inside a sentence: `u32`, but in plain words what has no name."""
    return str(kind) if isinstance(kind, LiteralType | StaticType) else f"`{kind}`"
