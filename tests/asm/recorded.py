"""All text that goes to keystone while something is built: a stub that nobody has listed cannot escape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from codegen.asm.keystone_safe import assemble


@dataclass(frozen=True)
class Assembled:
    """What `assemble` was given, and what it gave."""

    text: str
    bits: int
    address: int
    code: bytes


@contextmanager
def recording(module: ModuleType) -> Iterator[list[Assembled]]:
    """Of one of the two callers of the assembler: `codegen.asm.stub` and `codegen.asm.flat`."""
    found: list[Assembled] = []

    def record(text: str, bits: int, address: int = 0) -> bytes:
        code = assemble(text, bits, address)
        found.append(Assembled(text, bits, address, code))
        return code

    module.assemble = record  # type: ignore[attr-defined]
    try:
        yield found
    finally:
        module.assemble = assemble  # type: ignore[attr-defined]
