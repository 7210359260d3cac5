"""Exceptions that leave the guest: #DB and #AC always do, so that their storms cannot lock up the host (CVE-2015-5307,
CVE-2015-8104)."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.exits.inject import queue_exception
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu


@on_exit(ExitKind.EXCEPTION)
@fn
def reflect_exception(vcpu: Vcpu) -> Resume:
    """Give the exception back to the guest at its next entry, as it was raised."""
    return queue_exception(vcpu, u32(vcpu.exit.vector), vcpu.exit.error_code)
