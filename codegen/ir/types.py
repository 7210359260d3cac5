"""Types of the IR: what a machine register, or a small group of them, holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Int:
    """An integer of 8, 16, 32 or 64 bits. Enums, bit structs and addresses are integers here."""

    bits: int
    signed: bool = False

    def __str__(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.bits}"


@dataclass(frozen=True, slots=True)
class Bool:
    """A truth value; one byte in memory."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Ptr:
    """An address of memory: struct references (null for an absent one)."""

    def __str__(self) -> str:
        return "ptr"


@dataclass(frozen=True, slots=True)
class Void:
    """No value."""

    def __str__(self) -> str:
        return "void"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Several values together: tuples, spans (ptr, u64), options (bool, T), results (bool, T, E)."""

    items: tuple[Type, ...]

    def __str__(self) -> str:
        return "{" + ", ".join(map(str, self.items)) + "}"


Type = Int | Bool | Ptr | Void | Aggregate

U8, U16, U32, U64 = Int(8), Int(16), Int(32), Int(64)
I64 = Int(64, signed=True)
BOOL, PTR, VOID = Bool(), Ptr(), Void()
SPAN = Aggregate((PTR, U64))
