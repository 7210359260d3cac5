"""A VM's part of the processors: as the shell's commands of the same names."""

from __future__ import annotations

from codegen.lang import fn, span, u64
from hypervisor.ctl.answer import refuse
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.ctl.verbs.which import vm_of
from hypervisor.progress import Progress
from hypervisor.vm.settings import SETTINGS, Setting


def add(setting: Setting) -> None:
    """The verb of this setting."""
    change, key = setting.change, span(setting.key.encode())

    @verb(f"{setting.name} vm=N {setting.key}=N", setting.summary)
    @fn(cold=True)
    def set_for_vm(request: Request) -> Progress:
        vm = vm_of(request)
        value = request.number(key)
        if vm is not None:
            refusal = change(vm, u64(0) if value is None else value)
            if refusal is not None:
                refuse(request, refusal.words())
        return Progress.DONE


for _setting in SETTINGS:
    add(_setting)
