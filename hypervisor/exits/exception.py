"""Exceptions that leave the guest: #DB and #AC always do, so that their storms cannot lock up the host (CVE-2015-5307,
CVE-2015-8104)."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu

ALIGNMENT_CHECK = 17


@on_exit(ExitKind.EXCEPTION)
@fn
def reflect_exception(vcpu: Vcpu) -> Resume:
    """Give the exception back to the guest at its next entry, as it was raised."""
    has_error = vcpu.exit.vector == ALIGNMENT_CHECK
    vcpu.pending = Event(vector=vcpu.exit.vector, type=EventType.EXCEPTION, has_error=has_error, valid=True)
    vcpu.pending_error = vcpu.exit.error_code
    return Resume.SAME_INSTRUCTION
