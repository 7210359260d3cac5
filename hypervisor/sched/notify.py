"""Telling a vCPU that somebody else has left work for it."""

from __future__ import annotations

from codegen.lang import fn, u32
from hypervisor.vcpu.vcpu import Vcpu


@fn
def notify(vcpu: Vcpu, work: u32) -> None:
    """Leave `work` (bits of VcpuWork) with a vCPU: it sees to it before its next entry."""
    vcpu.work.fetch_or(work)
