"""What the language knows about layouts, registers and functions at build time: plain frozen records, no behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

FieldKind = Literal["field", "embedded", "array", "atomic"]
Access = Literal["RW", "RO", "WO"]


class LazyType:
    """A type that may not exist yet (`Field["Vcpu | None"]` above the class `Vcpu`); resolved at the first `get`."""

    __slots__ = ("_resolve", "_type")

    def __init__(self, resolve: Callable[[], Any]) -> None:
        self._resolve: Callable[[], Any] | None = resolve
        self._type: Any = None

    def get(self) -> Any:
        """The type itself. Raises NameError when a forward reference is still undefined."""
        if self._resolve is not None:
            self._type = self._resolve()
            self._resolve = None
        return self._type


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One cell of a struct; sizes and offsets in bytes.

    `type`: an integer, bool, address, enum, bit struct or struct class, or `S | None` for a nullable reference; for an
    array that of its elements, for an embedded struct its class. A struct class under kind "field" is a reference
    (8 bytes); under kind "array" it is the elements themselves. `count` and `stride` are 1 and `size` unless an array.
    """

    name: str
    offset: int
    kind: FieldKind
    lazy: LazyType = field(repr=False, compare=False)
    count: int
    stride: int
    size: int

    @property
    def type(self) -> Any:
        """Resolved when asked for, so that layouts may refer to later ones."""
        return self.lazy.get()


@dataclass(frozen=True, slots=True)
class Layout:
    """`StructClass.__layout__`. `align` is the alignment that accesses may rely on; `shared` makes them volatile."""

    name: str
    size: int
    align: int
    shared: bool
    fields: dict[str, FieldInfo]


@dataclass(frozen=True, slots=True)
class BitField:
    """Bits `low` to `high`, both included; `type` is bool, an integer or an enum class."""

    name: str
    low: int
    high: int
    type: Any

    @property
    def width(self) -> int:
        """In bits."""
        return self.high - self.low + 1


@dataclass(frozen=True, slots=True)
class BitLayout:
    """`BitStructClass.__bits__`. `repr` is the integer type that holds the value."""

    repr: Any
    fields: dict[str, BitField]


@dataclass(frozen=True, slots=True)
class RegisterInfo:
    """One entry of `BlockClass.__registers__`: `width` in bytes; a plain register has count 1, no array."""

    name: str
    offset: int
    type: Any
    width: int
    access: Access
    count: int = 1
    stride: int = 0
    array: bool = False


@dataclass(frozen=True, slots=True)
class FnOptions:
    """What stands in `@fn(...)`; `where` gives classes by the names of type variables. Code is optimised for size,
    `hot` functions for speed; they stand together."""

    section: str | None = None
    noinline: bool = False
    inline: bool = False
    cold: bool = False
    hot: bool = False
    unchecked: bool = False
    export: str | None = None
    where: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parameter:
    """`type` is a class of the language, `A | B` (types.UnionType), `tuple[...]`, never a string or a TypeVar."""

    name: str
    type: Any


@dataclass(frozen=True, slots=True)
class Signature:
    """Resolved; `result` is None for no result and `typing.Never` for functions that do not return."""

    parameters: tuple[Parameter, ...]
    result: Any
