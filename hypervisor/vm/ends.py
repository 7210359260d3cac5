"""The ends of the machine's run, by name: the shell's commands and ctl's verbs are made from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

from codegen.lang import fn, u32
from hypervisor.cpu.machine_power import halt_machine, reboot_machine
from hypervisor.vm.lifecycle import vms_alive


@fn(cold=True)
def vms_against_end(now: bool) -> u32:
    """How many VMs would lose what they have, and so forbid it; none if it is to be `now`, in any case."""
    return u32(0) if now else vms_alive()


@dataclass(frozen=True)
class End:
    """`end` is an `@fn`; `summary` is the beginning of a sentence, which goes on with the conditions."""

    name: str
    summary: str
    end: Callable[[], Never]


ENDS = (
    End("reboot", "Resets the machine", reboot_machine),
    End("halt", "Stops the machine, which can then be switched off", halt_machine),
)
