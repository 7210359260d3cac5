"""A VM's part of the processors: each command changes it at once, and says what the VM has now."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.progress import Progress
from hypervisor.sched.vcpus import SHARES
from hypervisor.shell.call import Call
from hypervisor.shell.command import command
from hypervisor.shell.output import say
from hypervisor.vm.settings import SETTINGS, Setting, cap_of, cpus_of
from hypervisor.vm.vm import VMS


def add(setting: Setting) -> None:
    """The command of this setting."""
    change = setting.change

    @command(f"{setting.name} VM {setting.argument}", setting.summary)
    @fn(cold=True)
    def set_for_vm(call: Call) -> Progress:
        vm = VMS[call.vm]
        refusal = change(vm, call.number)
        if refusal is not None:
            say(f"{vm.name_span()}: {refusal.words()}")
        else:
            say(f"{vm.name_span()}: weight {SHARES[vm.id].weight}, cap {cap_of(vm)}, cpus {cpus_of(vm):#x}")
        return Progress.DONE


for _setting in SETTINGS:
    add(_setting)
