"""Instructions that use the vector or floating-point state, which belongs to guests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from codegen.inspect.machine_code import Routine

_REGISTERS = re.compile(r"\b(?:[xyz]?mm\d+|st\(\d\)|st|k[0-7]|bnd[0-3]|tmm\d)(?!\w)")
# Operands in memory only, or none.
_STATE = re.compile(
    r"f\w+|wait|emms|femms|vzero\w+|(?:ld|st|vld|vst)mxcsr|xsave\w*|xrstor\w*|tilerelease|(?:ld|st)tilecfg"
)


def uses_vector_state(instruction: Any) -> bool:
    """x87, MMX, SSE, AVX, AVX-512 and their saving and restoring; also of masks, bounds and tiles."""
    mnemonic = instruction.mnemonic.split()[-1]
    return _STATE.fullmatch(mnemonic) is not None or _REGISTERS.search(instruction.op_str) is not None


def vector_instructions(routines: Iterable[Routine]) -> Iterator[tuple[str, str]]:
    """(routine, instruction in words) of each use."""
    for routine in routines:
        for instruction in routine.instructions:
            if uses_vector_state(instruction):
                yield routine.name, f"{instruction.mnemonic} {instruction.op_str}"
