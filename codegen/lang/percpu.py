"""Per-processor data: one struct per CPU, found through the GS base."""

from __future__ import annotations

from typing import Any

from codegen.lang import host, memory
from codegen.lang.addresses import Hva
from codegen.lang.declared import Misdeclared
from codegen.lang.model import Layout

_GS_BASE = 0xC000_0101


class PerCpu:
    """`element` is the struct class. The GS base of `host.cpu` says whose data is current; 0: its own."""

    def __init__(self, element: Any) -> None:
        layout: Layout = element.__layout__
        first = layout.fields.get("self_address")
        if first is None or first.offset != 0 or first.kind != "field" or first.type is not Hva:
            raise Misdeclared(f"the first field of {element.__name__} must be self_address: Field[Hva]")
        self.element = element
        self._address = memory.zeroed.allocate(layout.size, max(layout.align, 64))

    @property
    def current(self) -> Any:
        """This processor's data, through GS."""
        base = host.cpu.msrs.get(_GS_BASE, 0)
        if base:
            return self.element._at(base)
        own = self.element._at(self._address)
        own.self_address = Hva(self._address)
        return own

    def here(self) -> Any:
        """This processor's data as an ordinary reference."""
        return self.current


def per_cpu(element: Any) -> PerCpu:
    """Per-processor data of this layout; an image has one such declaration."""
    return PerCpu(element)
