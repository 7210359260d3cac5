"""VMCALL and VMMCALL: no hypercall exists yet, and the answer says so as KVM's does."""

from __future__ import annotations

from codegen.lang import fn, u64
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_cpl
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu

NOT_PERMITTED = 1  # -EPERM
NO_SUCH_CALL = 1000  # -KVM_ENOSYS


@on_exit(ExitKind.HYPERCALL)
@fn(inline=True)
def refuse_hypercall(vcpu: Vcpu) -> Resume:
    """RAX = -EPERM outside ring 0, else -KVM_ENOSYS (Linux, Documentation/virt/kvm/x86/hypercalls.rst)."""
    error = u64(NO_SUCH_CALL) if vcpu_cpl(vcpu) == 0 else u64(NOT_PERMITTED)
    vcpu.regs.rax = u64(0).wrapping_sub(error)
    return Resume.NEXT_INSTRUCTION
