"""How many of the instructions to the first guest instruction are iterations of REP: counted one by one under QEMU.

An emulator's TSC counts an iteration as an instruction, a processor does not. A breakpoint stands on every REP of the
image; there the count register says how many iterations are to come, behind the instruction how many are left.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from boot.machines.emulator import start
from boot.machines.machine import Machine
from codegen.inspect.machine_code import MachineCode, read_code
from codegen.inspect.repeats import repeats
from tests.bench.remote import RCX, Remote

SECONDS = 120.0
ENTRY = "svm_enter"
VMRUN = bytes((0x0F, 0x01, 0xD8))


@dataclass(frozen=True, slots=True)
class Iterations:
    """`executed` is how often a REP began, `total` how many iterations they made together."""

    executed: int
    total: int


def count_iterations(machine: Machine) -> Iterations:
    """Boot the AMD-V image of `machine` directly, as far as its first VMRUN. Raises NotMeasured."""
    assert machine.kernel is not None
    code = read_code(machine.kernel)
    with tempfile.TemporaryDirectory(prefix="keelback-gdb-") as folder:
        place = Path(folder) / "gdb"
        stopped = replace(machine, arguments=(*machine.arguments, "-gdb", f"unix:{place},server=on,wait=off", "-S"))
        with start(stopped), closing(Remote(place, SECONDS)) as remote:
            return walk(remote, code)


def walk(remote: Remote, code: MachineCode) -> Iterations:
    """From REP to REP, each with breakpoints on itself and on what follows."""
    known = {repeat.address: repeat for repeat in repeats(code)}
    entry = code.routine(ENTRY)
    end = entry.start + entry.code.index(VMRUN)
    for address in (*known, end):
        remote.set_breakpoint(address)
    executed = total = 0
    while (here := remote.run()) != end:
        before = remote.register(RCX)
        following = known[here].following
        remote.clear_breakpoint(here)
        if following not in known:
            remote.set_breakpoint(following)
        assert remote.run() == following
        total += before - remote.register(RCX)
        executed += 1
        if following not in known:
            remote.clear_breakpoint(following)
        remote.set_breakpoint(here)
    return Iterations(executed, total)
