"""Waiting, interrupts and deliberate faults."""

from __future__ import annotations

from typing import Never

from codegen.lang import host
from codegen.lang.routines import intrinsic


class Fault(Exception):
    """An instruction that exists to fault was executed on the host."""


@intrinsic("pause", "~{memory}")
def pause() -> None:
    """A hint in spin loops."""


@intrinsic("hlt", "~{memory}")
def hlt() -> None:
    """Stop until an interrupt."""
    host.cpu.halt()


@intrinsic("cli", "~{memory}")
def cli() -> None:
    """Interrupts off."""
    host.cpu.interrupts = False


@intrinsic("sti", "~{memory}")
def sti() -> None:
    """Interrupts on, after the next instruction."""
    host.cpu.interrupts = True


@intrinsic("sti; hlt", "~{memory}")
def sti_hlt() -> None:
    """Interrupts on and stop, with no gap in which a wake-up could be lost."""
    host.cpu.interrupts = True
    host.cpu.halt()


@intrinsic("int3", "~{memory}")
def int3() -> None:
    """A breakpoint."""
    raise Fault("int3")


@intrinsic("ud2", "~{memory}")
def ud2() -> Never:
    """An invalid opcode."""
    raise Fault("ud2")
