"""The acts of an operator on a VM's life, by name: the shell's commands and ctl's verbs are made from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypervisor.vm.act_refusal import ActRefusal
from hypervisor.vm.control import (
    destroy_vm,
    kill_vm,
    pause_vm,
    press_power_button,
    reset_vm,
    resume_vm,
    start_vm_again,
)
from hypervisor.vm.vm import Vm


@dataclass(frozen=True)
class Act:
    """`begin` is an `@fn`; `begun` is what the shell says of the VM afterwards."""

    name: str
    summary: str
    begin: Callable[[Vm], ActRefusal | None]
    begun: str


ACTS = (
    Act("pause", "Stops the VM's virtual CPUs until `resume`; its clock goes on.", pause_vm, "pauses"),
    Act("resume", "Lets a paused VM go on.", resume_vm, "goes on"),
    Act(
        "reset",
        "Presses the VM's reset button: its memory is cleared, and its guest boots again.",
        reset_vm,
        "is reset",
    ),
    Act(
        "poweroff",
        "Presses the VM's power button: its guest powers off if it listens to the button; `kill` needs no guest.",
        press_power_button,
        "its power button was pressed",
    ),
    Act("kill", "Stops the VM at once; its memory stays as it was.", kill_vm, "stops"),
    Act(
        "destroy",
        "Takes back all that a VM has which has stopped: its memory, scrubbed, and its virtual CPUs.",
        destroy_vm,
        "gives back what it has",
    ),
    Act(
        "start",
        "Starts a VM that has stopped, or was destroyed, anew from its configuration.",
        start_vm_again,
        "starts",
    ),
)
