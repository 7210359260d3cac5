"""A VM's life: each command begins what the VM's own thread does, or says why not."""

from __future__ import annotations

from codegen.lang import fn, span
from hypervisor.progress import Progress
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.acts import ACTS, Act
from hypervisor.vm.vm import VMS


def add(act: Act) -> None:
    """The command of this act."""
    begin, begun = act.begin, span(act.begun.encode())

    @command(f"{act.name} VM", act.summary)
    @fn(cold=True)
    def act_on_vm(call: Call) -> Progress:
        vm = VMS[call.vm]
        refusal = begin(vm)
        say(f"{vm.name_span()}: {begun if refusal is None else refusal.words()}")
        return Progress.DONE


for _act in ACTS:
    add(_act)
