"""Enumerations of hardware values."""

from __future__ import annotations

from enum import Enum
from typing import Any

from codegen.lang.checks import UNKNOWN, named, trap
from codegen.lang.declared import Misdeclared
from codegen.lang.ints import Integer


class HwEnum(Enum):
    """`class E(HwEnum, repr=u32)`; `must_use=True` refuses a dropped result. `E.__repr_type__` is its integer type."""

    def __init_subclass__(cls, *, repr: Any = None, must_use: bool = False) -> None:
        check_repr(cls, repr)
        cls.__repr_type__ = repr  # type: ignore[attr-defined]
        cls.must_use = must_use  # type: ignore[attr-defined]
        for member in cls.__members__.values():
            if type(member.value) is not int or not repr.low <= member.value <= repr.high:
                raise Misdeclared(
                    f"{cls.__name__}.{member.name} = {member.value!r} is no {repr.__name__}", member=member.name
                )

    @classmethod
    def find(cls, value: Any) -> Any:
        """The member of this number (of the enum's integer type), or None."""
        return cls._value2member_map_.get(cls._number(value))

    @classmethod
    def checked(cls, value: Any) -> Any:
        """The member of this number (of the enum's integer type). Traps when there is none."""
        return member_of(cls, cls._number(value))

    @classmethod
    def _number(cls, value: Any) -> int:
        wanted = cls.__repr_type__  # type: ignore[attr-defined]
        if type(value) is not wanted:
            raise TypeError(f"{cls.__name__} is found by {wanted.__name__}, not {named(value)}")
        return int(value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            raise TypeError(f"operand types of == differ: {named(self)} and {named(other)}")
        return self is other

    __hash__ = object.__hash__  # members are unique, and equal numbers of two enums never compare

    def __bool__(self) -> bool:
        raise TypeError(f"a condition is a bool, not {named(self)}: compare it")

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return format(self.name, spec)


def check_repr(cls: type, repr: Any) -> None:
    """Misdeclared when the integer type that holds an enum or a bit struct is missing, or is something else."""
    if not (isinstance(repr, type) and issubclass(repr, Integer)):
        found = "" if repr is None else f", not {named(repr)}"
        raise Misdeclared(f"class {cls.__name__} needs repr=, an integer type of the language{found}")


def repr_of(cls: Any) -> Any:
    """The integer type of an enum's cells."""
    return cls.__repr_type__


def member_of(cls: Any, number: int) -> Any:
    """The member of this number. Traps when there is none."""
    found = cls._value2member_map_.get(number)
    if found is None:
        trap(UNKNOWN)
    return found
