"""Function tables for type checkers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from codegen.lang.enums import HwEnum
from codegen.lang.ints import Unsigned
from codegen.lang.routines import Routine

F = TypeVar("F", bound=Callable[..., object])
G = TypeVar("G", bound=Callable[..., object], covariant=True)

class FnTable(Generic[G]):
    made: ClassVar[list[FnTable[Any]]]
    @property
    def entries(self) -> tuple[Routine, ...]: ...
    def __getitem__(self, index: Unsigned | HwEnum | int, /) -> G: ...
    def __len__(self) -> int: ...

def fn_table(
    entries: Sequence[F] | Mapping[Any, F], *, default: F | None = None, size: int | None = None
) -> FnTable[F]: ...
