"""Enumerations for type checkers: ordinary enums, without `int`."""

from enum import Enum
from typing import Any, Self

from codegen.lang.ints import Integer

class HwEnum(Enum):  # type: ignore[misc]  # a base has no members
    def __init_subclass__(cls, *, repr: type[Integer], must_use: bool = False) -> None: ...
    @classmethod
    def find(cls, value: Integer) -> Self | None: ...
    @classmethod
    def checked(cls, value: Integer) -> Self: ...

def member_of(cls: Any, number: int) -> Any: ...
