"""Frames of assembly stubs, for which there is no call frame information: traps, entries, the first one of a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import gdb
import gdb.unwinder

from codegen.debugger.elf import symbols
from codegen.debugger.names import image_file
from hypervisor.debugger.control_block import has_svm
from hypervisor.debugger.memory import static_memory
from hypervisor.debugger.vcpus import CPUS

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
    """The callers of `trap_entries` (whatever was interrupted), of the entry stubs, and of `leave_loader_stack`."""

    def __init__(self) -> None:
        super().__init__("keelback stubs")

    def __call__(self, pending_frame: Any) -> Any:
        names = symbols(image_file())
        pc, sp = pending_frame.read_register("rip"), pending_frame.read_register("rsp")
        stub = next((name for name in CALLERS if name in names and inside(names[name], int(pc))), None)
        if stub is None:
            return None
        at_start = int(pc) & (1 << 64) - 1 == names[stub].address
        caller = CALLERS[stub](int(sp), int(pending_frame.read_register("rbp")), at_start)
        if caller is None:
            return None
        info = pending_frame.create_unwind_info(FrameId(gdb.Value(caller["rsp"]), pc))
        for name, value in caller.items():
            info.add_saved_register(name, gdb.Value(value).cast(pc.type))
        return info


Registers = dict[str, int]


def interrupted(sp: int, _rbp: int, _at_start: bool) -> Registers | None:
    """By the TrapFrame that the stub has pushed; None while it is still pushing, or popping again."""
    frame = pointer(sp, "TrapFrame").dereference()
    return {name: int(frame[name]) for name in SAVED} if int(frame["vector"]) < VECTORS else None


def nobody(sp: int, _rbp: int, _at_start: bool) -> Registers | None:
    """The first function of a stack."""
    return {"rip": NOBODY, "rsp": sp}


def who_enters(sp: int, rbp: int, at_start: bool) -> Registers | None:
    """RSP is not the monitor's while the stub handles the guest's registers: the vCPU knows it. RBP lies there, and
    the return address above."""
    vcpu = int(static_memory(CPUS)[0]["loaded_vcpu"])
    kind = "SvmVcpu" if has_svm() else "VmxVcpu"
    place = int(pointer(vcpu, "Vcpu")["vendor"].address)
    own = int(pointer(place, kind)["host_rsp"]) & (1 << 64) - 1
    if at_start or sp & (1 << 64) - 1 == own + 8:
        return {"rip": word(sp), "rsp": sp + 8, "rbp": rbp}
    return {"rip": word(own + 8), "rsp": own + 16, "rbp": word(own)}


CALLERS: dict[str, Callable[[int, int, bool], Registers | None]] = {
    "trap_entries": interrupted,
    "leave_loader_stack": nobody,
    **dict.fromkeys(("svm_enter", "svm_enter_guarded", "vmx_enter"), who_enters),
}
"""By stub: the registers of its caller, from RSP, RBP and whether it is at its first instruction."""


def pointer(address: int, kind: str) -> Any:
    return gdb.Value(address & (1 << 64) - 1).cast(gdb.lookup_type(kind).pointer())


def word(address: int) -> int:
    return int(pointer(address, "u64").dereference())


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
