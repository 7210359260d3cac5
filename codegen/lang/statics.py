"""Static memory at build time: every storage, table and byte string, with the bytes that an image gets."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import Any, Literal

from codegen.lang import memory


@dataclass(frozen=True, slots=True, eq=False)
class Static:
    """One piece of static memory; sizes in bytes.

    `kind`: "storage" (a zeroed struct), "array" (zeroed elements), "table" (read-only elements) or "bytes" (read-only).
    `element` is the element's type (u8 for bytes), `count` how many, `address` where it lies on the host.
    """

    kind: Literal["storage", "array", "table", "bytes"]
    element: Any
    count: int
    size: int
    align: int
    section: str
    shared: bool
    address: int = field(repr=False)

    @property
    def constant(self) -> bool:
        """Whether it is read-only."""
        return self.kind in ("table", "bytes")

    def contents(self) -> bytes:
        """The bytes at start-up. In references they are host addresses, to be replaced: see `storage.references`."""
        return memory.read(self.address, self.size) if self.constant else bytes(self.size)


_addresses: list[int] = []
_statics: dict[int, Static] = {}


def new_static(kind: Any, element: Any, count: int, size: int, align: int, section: str, shared: bool) -> Static:
    """Allocate and remember."""
    region = memory.constants if kind in ("table", "bytes") else memory.zeroed
    # At least one byte each, so that no two have one address.
    address = region.allocate(max(size, 1), max(align, 8))
    static = Static(kind, element, count, size, align, section, shared, address)
    bisect.insort(_addresses, address)
    _statics[address] = static
    return static


def all_statics() -> list[Static]:
    """Everything so far; of one kind in the order in which it was declared."""
    return [_statics[address] for address in _addresses]


def static_at(address: int) -> tuple[Static, int] | None:
    """The static memory that holds this host address, and the offset in it."""
    position = bisect.bisect_right(_addresses, address) - 1
    if position < 0:
        return None
    static = _statics[_addresses[position]]
    offset = address - static.address
    return (static, offset) if offset < max(static.size, 1) else None


def static_of(value: Any) -> tuple[Static, int] | None:
    """Where a struct, array or span lies in static memory, and at which offset; None when it does not."""
    address = getattr(value, "_address", None)
    return static_at(address) if isinstance(address, int) else None
