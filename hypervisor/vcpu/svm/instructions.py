"""SVM instructions that stand outside the entry stub (APM vol. 3)."""

from __future__ import annotations

from codegen.lang import Hpa, intrinsic
from hypervisor.vcpu.svm.model import PROCESSOR


@intrinsic("vmsave %rax", "{ax},~{memory}")
def vmsave(vmcb: Hpa) -> None:
    """Store FS, GS, TR, LDTR with their hidden parts, KERNEL_GS_BASE, and the SYSCALL and SYSENTER MSRs."""
    PROCESSOR.vmsave(vmcb)


@intrinsic("int $$18", "~{memory},~{flags}")
def deliver_host_machine_check() -> None:
    """Run the host's machine-check handler for a machine check that was intercepted."""
    PROCESSOR.deliver(18)
