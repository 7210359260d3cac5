"""Types of the language as the generator sees them; `str` of one is its annotation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IntKind:
    """An integer type; every number from `low` to `high` is one of its values."""

    name: str
    bits: int
    signed: bool

    def __str__(self) -> str:
        return self.name

    @property
    def low(self) -> int:
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def high(self) -> int:
        return (1 << self.bits - int(self.signed)) - 1


@dataclass(frozen=True)
class BoolKind:
    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class AddressKind:
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class SpanKind:
    def __str__(self) -> str:
        return "Span"


@dataclass(frozen=True)
class EnumKind:
    name: str
    repr: IntKind
    members: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class BitRange:
    """A field of a bit struct."""

    name: str
    kind: IntKind | BoolKind | EnumKind
    low: int
    high: int


@dataclass(frozen=True)
class BitsKind:
    name: str
    repr: IntKind
    fields: tuple[BitRange, ...]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Cell:
    """A cell of a struct. `form` is field, array, atomic or embedded; `nullable`: a reference to `kind`, or None."""

    name: str
    form: str
    kind: Kind
    count: int = 1
    nullable: bool = False


@dataclass(frozen=True)
class StructKind:
    """A layout; `scope`: it has `__enter__` and `__exit__`; `packed`: it may lie anywhere in a span."""

    name: str
    cells: tuple[Cell, ...]
    size: int = 0
    packed: bool = False
    scope: bool = False

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class OptionKind:
    item: Kind

    def __str__(self) -> str:
        return f"{self.item} | None"


@dataclass(frozen=True)
class ResultKind:
    item: Kind
    error: EnumKind

    def __str__(self) -> str:
        return f"{self.item} | {self.error}"


@dataclass(frozen=True)
class TupleKind:
    items: tuple[Kind, ...]

    def __str__(self) -> str:
        return f"tuple[{', '.join(map(str, self.items))}]"


Kind = (
    IntKind | BoolKind | AddressKind | SpanKind | EnumKind | BitsKind | StructKind | OptionKind | ResultKind | TupleKind
)

U8, U16, U32, U64 = (IntKind(f"u{bits}", bits, False) for bits in (8, 16, 32, 64))
I8, I16, I32, I64 = (IntKind(f"i{bits}", bits, True) for bits in (8, 16, 32, 64))
USIZE = IntKind("usize", 64, False)
INTEGERS = (U8, U16, U32, U64, USIZE, I8, I16, I32, I64)
UNSIGNED = (U8, U16, U32, U64, USIZE)
BOOL, SPAN = BoolKind(), SpanKind()
ADDRESSES = (AddressKind("Gpa"), AddressKind("Hva"))
