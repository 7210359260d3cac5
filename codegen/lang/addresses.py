"""Addresses under CPython: four kinds of 64 bits that do not mix."""

from __future__ import annotations

from typing import Any, ClassVar

from codegen.lang.checks import named
from codegen.lang.ints import make, operand, overflowed, u64


class Address:
    """Base of Gpa, Hpa, Gva and Hva."""

    __slots__ = ("_value",)
    is_address: ClassVar[bool] = True
    bits: ClassVar[int] = 64
    low: ClassVar[int] = 0
    high: ClassVar[int] = u64.high
    mask: ClassVar[int] = u64.mask
    _value: int

    def __new__(cls, value: Any, /) -> Any:
        """Of a u64 or a literal."""
        return make(cls, operand(u64, value, cls.__name__))

    def __add__(self, other: Any, /) -> Any:
        cls = type(self)
        result = self._value + operand(u64, other, "+")
        return make(cls, result) if result <= cls.high else overflowed(cls, result, "+")

    __radd__ = __add__

    def __sub__(self, other: Any, /) -> Any:
        """The distance (u64) of two addresses of one kind, or an address that many bytes before."""
        cls = type(self)
        if type(other) is cls:
            return u64.__sub__(make(u64, self._value), make(u64, other._value))
        result = self._value - operand(u64, other, "-")
        return make(cls, result) if result >= 0 else overflowed(cls, result, "-")

    def __and__(self, mask: Any, /) -> Any:
        return make(type(self), u64.__and__(make(u64, self._value), mask)._value)

    def __eq__(self, other: object, /) -> bool:
        return self._value == same(self, other, "==")

    def __ne__(self, other: object, /) -> bool:
        return self._value != same(self, other, "!=")

    def __lt__(self, other: Any, /) -> bool:
        return self._value < same(self, other, "<")

    def __le__(self, other: Any, /) -> bool:
        return self._value <= same(self, other, "<=")

    def __gt__(self, other: Any, /) -> bool:
        return self._value > same(self, other, ">")

    def __ge__(self, other: Any, /) -> bool:
        return self._value >= same(self, other, ">=")

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        raise TypeError(f"a condition is a bool, not {named(self)}: compare it")

    def __index__(self) -> int:
        return self._value

    __int__ = __index__

    def __repr__(self) -> str:
        return f"{named(self)}({self._value:#x})"

    def __str__(self) -> str:
        return str(self._value)

    def __format__(self, spec: str) -> str:
        return format(self._value, spec)

    def __reduce__(self) -> Any:
        return type(self), (self._value,)


def same(self: Address, other: Any, operator: str) -> int:
    """The number of `other`, an address of the same kind."""
    if type(other) is not type(self):
        raise TypeError(f"operand types of {operator} differ: {named(self)} and {named(other)}")
    return other._value  # type: ignore[no-any-return]


class Gpa(Address):
    """Guest-physical."""

    __slots__ = ()


class Hpa(Address):
    """Host-physical."""

    __slots__ = ()


class Gva(Address):
    """Guest-virtual."""

    __slots__ = ()


class Hva(Address):
    """Host-virtual: what the hypervisor's own page tables map."""

    __slots__ = ()
