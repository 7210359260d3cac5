"""Breakpoints of the monitor do not stop its guests: emulators break by virtual address, and a guest may run code at
the monitor's addresses."""

from __future__ import annotations

from typing import Any

import gdb

from hypervisor.debugger.memory import register, static_memory
from hypervisor.debugger.vcpus import CPUS, loaded_vcpu

CONDITION = "$kb_monitor()"


class Monitor(gdb.Function):
    """$kb_monitor(): 1 while the processor runs the monitor: its GS base is that of CPUS[0], or no guest has run."""

    def __init__(self) -> None:
        super().__init__("kb_monitor")

    def invoke(self, *_nothing: Any) -> bool:
        own = int(static_memory(CPUS).address)
        return register("gs_base") == own or not loaded_vcpu()


def restrict(breakpoint: Any) -> None:
    """Adds the condition to a breakpoint at a function or line of the monitor. One at an address is left alone: it may
    be meant for a guest."""
    at_code = breakpoint.type in (gdb.BP_BREAKPOINT, gdb.BP_HARDWARE_BREAKPOINT)
    if at_code and breakpoint.is_valid() and breakpoint.location and not breakpoint.location.startswith("*"):
        own = breakpoint.condition
        if own is None:
            breakpoint.condition = CONDITION
        elif CONDITION not in own:
            breakpoint.condition = f"{CONDITION} && ({own})"


Monitor()
gdb.events.breakpoint_created.connect(restrict)
