"""Static memory for type checkers."""

from collections.abc import Iterable
from typing import Any, TypeVar, overload

from codegen.lang.addresses import Address
from codegen.lang.bits import BitStruct
from codegen.lang.cells import Array
from codegen.lang.enums import HwEnum
from codegen.lang.ints import Integer
from codegen.lang.statics import Static
from codegen.lang.structs import Struct

T = TypeVar("T")
V = TypeVar("V", bound=bool | Address | HwEnum | BitStruct | Struct)
I = TypeVar("I", bound=Integer)  # noqa: E741
S = TypeVar("S", bound=Struct)

class Initial:
    kind: Any
    values: dict[str, Any]

def storage(kind: type[S], *, section: str = "") -> S: ...
def storage_array(element: type[T], count: int, *, section: str = "") -> Array[T]: ...
@overload
def table(element: type[I], values: Iterable[I | int], *, section: str = "") -> Array[I]: ...
@overload
def table(element: type[V], values: Iterable[V], *, section: str = "") -> Array[V]: ...
def init(kind: type[S], /, **values: Any) -> S: ...
def references(static: Static) -> list[tuple[int, Static, int]]: ...
