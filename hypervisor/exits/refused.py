"""Instructions that the guest's processor does not have: #UD, as its CPUID promises (XSA-278)."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.exits.inject import inject_general_protection, inject_undefined_opcode
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu


@on_exit(ExitKind.VIRTUALIZATION_INSTRUCTION)
@fn
def refuse_virtualization(vcpu: Vcpu) -> Resume:
    """VMXON, VMRUN and their families: CPUID shows neither VMX nor SVM."""
    return inject_undefined_opcode(vcpu)


@on_exit(ExitKind.MONITOR)
@fn
def refuse_monitor(vcpu: Vcpu) -> Resume:
    """MONITOR and MWAIT: CPUID hides them, so a guest halts instead."""
    return inject_undefined_opcode(vcpu)


@on_exit(ExitKind.RDPMC)
@fn
def refuse_rdpmc(vcpu: Vcpu) -> Resume:
    """RDPMC: no performance counter exists (CPUID leaf 0AH is empty)."""
    return inject_general_protection(vcpu)
