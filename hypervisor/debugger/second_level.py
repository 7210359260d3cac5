"""`kb walk`: a guest-physical address through the nested page tables or the EPT, level by level."""

from __future__ import annotations

import gdb

from codegen.debugger.printers import one_line
from hypervisor.debugger.memory import FRAME_BITS, LARGE, element, read_physical, typed
from hypervisor.debugger.vcpus import VMS, chosen_vcpu, vm_of

NAMES = {4: "PML4", 3: "PDPT", 2: "PD", 1: "PT"}


class Walk(gdb.Command):
    """kb walk GPA [VM]: where a guest-physical address leads, through every table on the way.

    Without a number, the VM whose vCPU `kb guest` shows.
    """

    def __init__(self) -> None:
        super().__init__("kb walk", gdb.COMMAND_DATA)

    def invoke(self, argument: str, from_tty: bool) -> None:
        words = gdb.string_to_argv(argument)
        if not 1 <= len(words) <= 2:
            raise gdb.GdbError("kb walk GPA [VM]")
        gpa = int(gdb.parse_and_eval(words[0])) & (1 << 64) - 1
        vm = element(VMS, int(words[1]))[0] if len(words) == 2 else vm_of(chosen_vcpu(""))
        if gpa >> 48:
            raise gdb.GdbError(f"{gpa:#x} is beyond 48 bits")
        walk(int(vm["second_level_root"]), gpa)


def walk(root: int, gpa: int) -> None:
    """Prints one line per level."""
    kind = entry_type()
    table = root
    for level in (4, 3, 2, 1):
        shift = 3 + 9 * level
        place = table + 8 * (gpa >> shift & 511)
        content = read_physical(place, 8)
        entry = int.from_bytes(content, "little")
        print(f"{NAMES[level]:4} at {place:#014x}: {entry:#018x} {one_line(typed(content, kind))}")
        if not entry:
            print(f"GPA {gpa:#x} is not mapped")
            return
        if level == 1 or (entry & LARGE and level < 4):
            base = entry & FRAME_BITS & -(1 << shift)
            print(f"GPA {gpa:#x} is HPA {base + gpa % (1 << shift):#x}, by a page of {page_name(1 << shift)}")
            return
        table = entry & FRAME_BITS


def page_name(size: int) -> str:
    return {1 << 12: "4 KiB", 1 << 21: "2 MiB", 1 << 30: "1 GiB"}[size]


def entry_type() -> gdb.Type:
    """The back end's own bit struct."""
    for name in ("NestedEntry", "EptEntry"):
        try:
            return gdb.lookup_type(name)
        except gdb.error:
            continue
    raise gdb.GdbError("this image has no second-level tables")


Walk()
