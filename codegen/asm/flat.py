"""Assembly that is no part of an image: boot sectors, trampolines, real-mode code at a fixed address."""

from __future__ import annotations

from typing import Any

from codegen.asm.keystone_safe import assemble
from codegen.asm.template import Slots, render


def assemble_flat(template: str, *, bits: int, address: int, constants: dict[str, Any] | None = None) -> bytes:
    """The bytes of a jinja2 template of Intel-syntax assembly that runs at `address` and starts in mode `bits`.

    It refers to no symbols but its own. Raises BadAssembly, or jinja2.UndefinedError for a constant that has no value.
    """
    return assemble(render(template, constants or {}, Slots(())), bits, address)
