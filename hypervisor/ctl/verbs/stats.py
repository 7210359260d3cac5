"""Why a VM leaves its guest."""

from __future__ import annotations

from codegen.lang import fn, range, u32
from hypervisor.ctl.answer import put
from hypervisor.ctl.request import Request
from hypervisor.ctl.verb import verb
from hypervisor.ctl.verbs.which import vm_of
from hypervisor.progress import Progress
from hypervisor.vcpu.exit import EXIT_KINDS, ExitKind
from hypervisor.vcpu.pool import vcpu_of
from hypervisor.vcpu.vcpu import Vcpu


@verb("stats vm=N")
@fn(cold=True)
def show_stats(request: Request) -> Progress:
    """Counts how often each virtual CPU of the VM has left its guest: `vcpus`, each with its `index` and `exits` by
    reason."""
    vm = vm_of(request)
    if vm is None:
        return Progress.DONE
    if request.step == 0:
        put(',"vcpus":[')
    if request.step < vm.vcpu_count:
        if request.step != 0:
            put(",")
        put_exits(vcpu_of(vm, request.step))
        return Progress.MORE
    put("]")
    return Progress.DONE


@fn(cold=True)
def put_exits(vcpu: Vcpu) -> None:
    """Of one, those that have happened."""
    put(f'{{"index":{vcpu.index},"exits":{{')
    first = True
    for kind in range(u32(EXIT_KINDS)):
        if vcpu.exits[kind] != 0:
            if not first:
                put(",")
            first = False
            put(f'"{ExitKind.checked(kind)}":{vcpu.exits[kind]}')
    put("}}")
