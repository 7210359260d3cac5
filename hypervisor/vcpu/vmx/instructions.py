"""The VMX instructions (SDM vol. 3C, chapter 31). Each result is "VMsucceed": CF and ZF both clear.

Memory operands are built on the stack, so callers pass values. LEA drops them because it leaves the flags alone.
VMREAD and VMWRITE touch the VMCS, which is no memory of the program's.
"""

from __future__ import annotations

from codegen.lang import Hpa, HwEnum, intrinsic, u64
from hypervisor.vcpu.vmx.model import PROCESSOR


class InveptKind(HwEnum, repr=u64):
    """SDM vol. 3C, INVEPT."""

    SINGLE_CONTEXT = 1
    ALL_CONTEXTS = 2


class InvvpidKind(HwEnum, repr=u64):
    """SDM vol. 3C, INVVPID."""

    INDIVIDUAL_ADDRESS = 0
    SINGLE_CONTEXT = 1
    ALL_CONTEXTS = 2


@intrinsic("vmreadq $1, $0", "=r,r,~{flags}")
def vmread(encoding: u64) -> u64:
    """A field of the current VMCS. It cannot fail here: the fields that are read exist on every CPU that we accept."""
    return u64(PROCESSOR.vmread(encoding))


@intrinsic("vmwriteq $2, $1", "={@cca},r,r,~{flags}")
def vmwrite(encoding: u64, value: u64) -> bool:
    """Set a field of the current VMCS; false when this CPU has no such field."""
    return PROCESSOR.vmwrite(encoding, value)


@intrinsic("vmwriteq $1, $0", "r,r,~{flags}")
def vmwrite_surely(encoding: u64, value: u64) -> None:
    """The same for a field that every accepted CPU has: with a current VMCS it cannot fail."""
    PROCESSOR.vmwrite(encoding, value)


@intrinsic("pushq $1\n\tvmxon (%rsp)\n\tleaq 8(%rsp), %rsp", "={@cca},r,~{memory},~{flags}")
def vmxon(region: Hpa) -> bool:
    """Enter VMX root operation with the VMXON region at `region`."""
    return PROCESSOR.vmxon(region)


@intrinsic("pushq $1\n\tvmclear (%rsp)\n\tleaq 8(%rsp), %rsp", "={@cca},r,~{memory},~{flags}")
def vmclear(vmcs: Hpa) -> bool:
    """Write the VMCS back to memory; its launch state becomes clear."""
    return PROCESSOR.vmclear(vmcs)


@intrinsic("pushq $1\n\tvmptrld (%rsp)\n\tleaq 8(%rsp), %rsp", "={@cca},r,~{memory},~{flags}")
def vmptrld(vmcs: Hpa) -> bool:
    """Make the VMCS current on this processor."""
    return PROCESSOR.vmptrld(vmcs)


@intrinsic(
    "pushq $$0\n\tpushq $2\n\tinvept (%rsp), $1\n\tleaq 16(%rsp), %rsp",
    "={@cca},r,r,~{memory},~{flags}",
)
def invept(kind: InveptKind, eptp: u64) -> bool:
    """Forget guest-physical and combined mappings of `eptp`, or of all of them."""
    return PROCESSOR.invept(kind, eptp)


@intrinsic(
    "pushq $$0\n\tpushq $2\n\tinvvpid (%rsp), $1\n\tleaq 16(%rsp), %rsp",
    "={@cca},r,r,~{memory},~{flags}",
)
def invvpid(kind: InvvpidKind, vpid: u64) -> bool:
    """Forget linear and combined mappings of `vpid`, or of all of them."""
    return PROCESSOR.invvpid(kind, vpid)


@intrinsic("int $$2", "~{memory},~{flags}")
def deliver_host_nmi() -> None:
    """Run the host's NMI handler. Its IRET also unblocks NMIs, which the VM exit blocked (SDM vol. 3C, 28.5.5)."""
    PROCESSOR.host_events.append("nmi")


@intrinsic("int $$18", "~{memory},~{flags}")
def deliver_host_machine_check() -> None:
    """Run the host's machine-check handler."""
    PROCESSOR.host_events.append("machine check")
