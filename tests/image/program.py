"""`python -m tests.image.program VENDOR` prints what only a process with one back end can say of an image, as JSON.

`violations`: what NMI and #MC handlers touch. `assembled`: all text that went to the assembler, with its mode, its
address and its bytes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from codegen.asm import stub
from codegen.ir.nodes import Program
from codegen.program import lower
from hypervisor.image_program import image_sources
from tests.asm.recorded import recording
from tests.image.only_atomics import Allowed, violations

HANDLERS = ("hypervisor.cpu.traps.handle_nmi", "hypervisor.cpu.machine_check_report.handle_machine_check")
ALLOWED = Allowed(
    written_once=frozenset(),
    instructions=frozenset(f"codegen.lang.intrinsics.identity.{name}_parts" for name in ("rdmsr", "wrmsr")),
    ends=frozenset({"hypervisor.cpu.machine_check_report.panic_by_bank", "hypervisor.cpu.panic.stop"}),
)


def describe(vendor: str) -> dict[str, Any]:
    with recording(stub) as assembled:
        program: Program = lower(image_sources(vendor, "release"))
    return {
        "violations": {entry: violations(program, entry, ALLOWED) for entry in HANDLERS},
        "stubs": sorted(program.stubs),
        "assembled": [(text.text, text.bits, text.address, text.code.hex()) for text in assembled],
    }


if __name__ == "__main__":
    json.dump(describe(sys.argv[1]), sys.stdout)
