"""A VM's life: as the shell's commands of the same names."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.ctl.answer import refuse
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.ctl.verbs.which import vm_of
from hypervisor.progress import Progress
from hypervisor.vm.acts import ACTS, Act


def add(act: Act) -> None:
    """The verb of this act."""
    begin = act.begin

    @verb(f"{act.name} vm=N", act.summary)
    @fn(cold=True)
    def act_on_vm(request: Request) -> Progress:
        vm = vm_of(request)
        if vm is not None:
            refusal = begin(vm)
            if refusal is not None:
                refuse(request, refusal.words())
        return Progress.DONE


for _act in ACTS:
    add(_act)
