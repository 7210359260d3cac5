"""Which VM a request is about."""

from __future__ import annotations

from codegen.lang import fn, span
from hypervisor.ctl.answer import refuse
from hypervisor.ctl.request import Request
from hypervisor.vm.vm import VMS, VMS_MAX, Vm


@fn(cold=True)
def vm_of(request: Request) -> Vm | None:
    """The VM that `vm` names; None, refused, when there is none."""
    number = request.number(span(b"vm"))
    if number is None or number >= VMS_MAX or VMS[number].name.length == 0:
        refuse(request, span(b"no such VM; list shows their numbers"))
        return None
    return VMS[number]
