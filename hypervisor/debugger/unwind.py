"""Frames of assembly stubs, for which there is no call frame information: traps, and the first one of a stack."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import gdb
import gdb.unwinder

from codegen.debugger.elf import symbols
from codegen.debugger.names import image_file

SAVED = (
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rip"
)  # fmt: skip
VECTORS = 256
NOBODY = 0
"""Where the first function of a stack would return to."""


class FrameId:
    """What gdb tells frames apart by."""

    def __init__(self, sp: Any, pc: Any) -> None:
        self.sp = sp
        self.pc = pc


class Stubs(gdb.unwinder.Unwinder):
    """The callers of `trap_entries` (whatever was interrupted) and of `leave_loader_stack` (nobody)."""

    def __init__(self) -> None:
        super().__init__("keelback stubs")

    def __call__(self, pending_frame: Any) -> Any:
        names = symbols(image_file())
        pc, sp = int(pending_frame.read_register("rip")), pending_frame.read_register("rsp")
        stub = next(
            (name for name in ("trap_entries", "leave_loader_stack") if name in names and inside(names[name], pc)), None
        )
        if stub is None:
            return None
        info = pending_frame.create_unwind_info(FrameId(sp, pending_frame.read_register("rip")))
        if stub == "leave_loader_stack":
            info.add_saved_register("rip", gdb.Value(NOBODY))
            info.add_saved_register("rsp", sp)
            return info
        frame = sp.cast(gdb.lookup_type("TrapFrame").pointer()).dereference()
        if int(frame["vector"]) >= VECTORS:  # still pushing, or popping again
            return None
        for name in SAVED:
            info.add_saved_register(name, frame[name])
        return info


def inside(symbol: Any, pc: int) -> bool:
    """The return address behind a call at the end counts too."""
    return bool(0 <= (pc & (1 << 64) - 1) - symbol.address <= symbol.size)


class UntilNobody:
    """A frame filter: a backtrace ends at the first frame of a stack."""

    name = "keelback first frame"
    enabled = True
    priority = 100

    def filter(self, iterator: Iterator[Any]) -> Iterator[Any]:
        return takewhile(lambda frame: frame.inferior_frame().pc() != NOBODY, iterator)


gdb.unwinder.register_unwinder(None, Stubs(), replace=True)
gdb.frame_filters[UntilNobody.name] = UntilNobody()
