"""The start of a debugging session: loads the commands, and notes where the image lies as soon as it runs."""

from __future__ import annotations

import gdb

from codegen.debugger import names, printers
from hypervisor.debugger import breakpoints, control_block, guest, second_level, unwind, vcpus
from hypervisor.debugger.memory import find_image

LOADED = (names, printers, breakpoints, control_block, guest, second_level, unwind, vcpus)
"""Modules whose commands register themselves when imported."""

START = "hypervisor.main.start"


class ImageRuns(gdb.Breakpoint):
    """At the first compiled function: paging is on, and the image's place can be asked for, also by commands that are
    given while a guest runs. Never stops."""

    def __init__(self) -> None:
        super().__init__(START, internal=True)
        self.silent = True

    def stop(self) -> bool:
        find_image()
        return False


def begin() -> None:
    """Settings that a machine without an operating system needs."""
    for setting in ("stack-cache off", "code-cache off", "trust-readonly-sections on", "confirm off", "pagination off"):
        gdb.execute(f"set {setting}")
    gdb.execute("set print pretty on")
    gdb.execute("set max-value-size unlimited")  # pools are large
    gdb.execute("set language c")  # not known from the name of a Python file
    ImageRuns()
