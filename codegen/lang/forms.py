"""Forms that the compiler knows by identity: static evaluation, sizes, stack structs, and views of memory."""

from __future__ import annotations

import sys
from typing import Any

from codegen.lang import host, memory
from codegen.lang.addresses import Hpa, Hva
from codegen.lang.cells import Array
from codegen.lang.checks import named, state
from codegen.lang.codecs import codec
from codegen.lang.ints import make, u32
from codegen.lang.spans import Span, count, rodata


def static(value: Any, /) -> Any:
    """Evaluate at build time; unrolls a `for`, decides an `if`."""
    return value


def sizeof(kind: Any, /) -> int:
    """In bytes; a literal."""
    layout = getattr(kind, "__layout__", None)
    return layout.size if layout is not None else codec(kind).size


def Local(kind: Any, /) -> Any:
    """A zeroed struct on the stack, gone when the function returns; one place for all rounds of a loop."""
    layout = kind.__layout__
    caller = sys._getframe(1)
    site, places = (caller.f_code, caller.f_lasti, kind), state.places
    address = places.get(site) if places is not None else None
    if address is None:
        address = memory.stack.allocate(layout.size, layout.align)
        if places is not None:
            places[site] = address
    memory.write(address, bytes(layout.size))
    return kind._at(address)


def phys(kind: Any, hpa: Any, /) -> Any:
    """A struct in RAM, through the direct map."""
    return kind._at(host.memory.address(hpa, kind.__layout__.size))


def phys_span(hpa: Hpa, length: Any, /) -> Span:
    """Bytes of RAM, through the direct map."""
    return Span(host.memory.address(hpa, count(length)), count(length))


def view_at(kind: Any, hva: Any, /) -> Any:
    """A struct at a virtual address."""
    return kind._at(virtual(hva))


def span_at(hva: Any, length: Any, /) -> Span:
    """Bytes at a virtual address."""
    memory.offset_of(virtual(hva), count(length))
    return Span(virtual(hva), count(length))


def overlay(kind: Any, cell: Any, /) -> Any:
    """A byte array or embedded struct seen as `kind`, which must fit and be aligned."""
    size = cell.count * cell.stride if type(cell) is Array else type(cell).__layout__.size
    layout = kind.__layout__
    if layout.size > size or cell._address % layout.align:
        raise TypeError(f"{kind.__name__} ({layout.size} bytes, align {layout.align}) does not fit {size} bytes there")
    return kind._at(cell._address)


def span_of(struct: Any, /) -> Span:
    """The bytes of a struct."""
    return Span(struct._address, type(struct).__layout__.size)


def address_of(struct: Any, /) -> Hva:
    """The virtual address of a struct."""
    if not hasattr(type(struct), "__layout__"):
        raise TypeError(f"address_of takes a struct, not {named(struct)}")
    return make(Hva, struct._address)  # type: ignore[no-any-return]


def span(content: bytes, /) -> Span:
    """The read-only bytes of a literal."""
    return rodata(content)


class TrapSite:
    """Where a check stands: `file` and `kind` are spans, `line` a u32."""

    __slots__ = ("file", "kind", "line")

    def __init__(self, file: bytes, line: int, kind: bytes) -> None:
        self.file = rodata(file)
        self.line = u32(line)
        self.kind = rodata(kind)


trap_sites: list[tuple[str, int, str]] = []
"""On the host: file, line and kind by site number. A run that numbers its sites (the JIT) fills it."""


def trap_site(site: Any, /) -> TrapSite:
    """What the number given to `trap` stands for; empty when unknown."""
    if type(site) is not u32:
        raise TypeError(f"u32 expected, not {named(site)}")
    file, line, kind = trap_sites[int(site)] if int(site) < len(trap_sites) else ("", 0, "")
    return TrapSite(file.encode(), line, kind.encode())


def virtual(hva: Any) -> int:
    """The number of an Hva."""
    if type(hva) is not Hva:
        raise TypeError(f"Hva expected, not {named(hva)}")
    return int(hva)
