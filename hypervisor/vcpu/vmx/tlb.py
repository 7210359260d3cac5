"""Forgetting a vCPU's translations (SDM vol. 3C, 29.4.3)."""

from __future__ import annotations

from codegen.lang import fn, implements, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx.instructions import InvvpidKind, invvpid
from hypervisor.vcpu.vmx.state import vmx_of


@implements(contract.vcpu_flush_tlb)
@fn
def vcpu_flush_tlb(vcpu: Vcpu) -> None:
    """INVVPID of one context: linear and combined translations, at once. What other processors still have goes when
    they load the vCPU (see loaded.py)."""
    assert invvpid(InvvpidKind.SINGLE_CONTEXT, u64(vmx_of(vcpu).vpid))
