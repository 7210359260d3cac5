"""String instructions with REP: one instruction in the code, as many iterations as its count register says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codegen.inspect.machine_code import MachineCode

_STRING = re.compile(r"repn?[ez]? (?:movs|stos|cmps|scas|lods|ins|outs)[bwdq]")


@dataclass(frozen=True, slots=True)
class Repeat:
    """`address` is the instruction's, `following` of the one behind it."""

    address: int
    following: int
    mnemonic: str


def repeats(code: MachineCode) -> tuple[Repeat, ...]:
    """All of them, in order of their addresses."""
    return tuple(
        Repeat(instruction.address, instruction.address + instruction.size, instruction.mnemonic)
        for routine in code.routines
        for instruction in routine.instructions
        if _STRING.fullmatch(instruction.mnemonic)
    )
