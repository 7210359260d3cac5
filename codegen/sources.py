"""What a program is made of, and what is said when it has mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from codegen.asm.stub import assemble_stub
from codegen.back.target import Target
from codegen.front.diagnostics import Diagnostic
from codegen.front.program import TargetInfo
from codegen.lang.routines import Fn, StubFn


class CompileErrors(Exception):
    """The sources have mistakes; the text is what people read."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("\n".join(diagnostic.render() for diagnostic in diagnostics))
        self.diagnostics = tuple(diagnostics)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a program is made of: `roots` and what they reach, with the contracts' implementations of `modules`.

    `physical_base` and `mmio_base` are the virtual addresses of physical address 0, for RAM and for devices (None: one
    map for both). `level` is LLVM's 0 to 3. `debug` adds line tables and locals. With `coverage` each line reports on
    the debug port that it runs; the table of the lines is written beside the object (`.lines`).
    """

    roots: Sequence[Fn | StubFn]
    modules: Sequence[ModuleType]
    target: Target
    physical_base: int = 0
    mmio_base: int | None = None
    level: int = 2
    debug: bool = True
    coverage: bool = False

    def target_info(self) -> TargetInfo:
        """What the front end must know of the target."""
        return TargetInfo(self.target.pointer_bits, self.physical_base, self.mmio_base, assemble_stub)
