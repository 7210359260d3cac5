"""Accesses that the second-level tables stopped (SDM vol. 3C, 29.3.3 and table 28-7)."""

from __future__ import annotations

from codegen.lang import Gpa, Gva, fn, u32
from hypervisor.vcpu.exit import AccessCause, ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.inject import put_back, recover_event
from hypervisor.vcpu.vmx.interruptibility import block_nmis

ACCESS = 6  # write, fetch: the same bits in AccessCause
LINEAR_VALID = 1 << 4
PAGE_WALK = 1 << 5
NMI_UNBLOCKED = 1 << 12
VALID = 0x8000_0000


@fn
def decode_ept_violation(vcpu: Vcpu) -> ExitKind:
    """Bit 7 says that there is a linear address, bit 8 that the access was not to a paging structure."""
    qualification = u32.trunc(fields.EXIT_QUALIFICATION.read())
    walk = (qualification & ~(qualification >> 1)) >> 2 & PAGE_WALK
    vcpu.exit.cause = AccessCause.of(qualification & ACCESS | qualification >> 3 & LINEAR_VALID | walk)
    vcpu.exit.gpa = Gpa(fields.GUEST_PHYSICAL_ADDRESS.read())
    vcpu.exit.gva = Gva(fields.GUEST_LINEAR_ADDRESS.read())
    vcpu.exit.instruction_length = 0
    vectoring = fields.IDT_VECTORING.read()
    if vectoring & VALID != 0:
        put_back(vcpu, vectoring)
    elif qualification & NMI_UNBLOCKED != 0:
        block_nmis()
    return ExitKind.GUEST_MEMORY


@fn
def decode_ept_misconfiguration(vcpu: Vcpu) -> ExitKind:
    """An entry of ours that the processor refuses."""
    vcpu.exit.gpa = Gpa(fields.GUEST_PHYSICAL_ADDRESS.read())
    recover_event(vcpu)
    return ExitKind.MISCONFIGURED
