"""Completing an instruction on the guest's behalf: RIP, interrupt shadow and single-step (SDM vol. 3C, 33.2)."""

from __future__ import annotations

from codegen.lang import fn, implements, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.interruptibility import SHADOW

RFLAGS_TF = 1 << 8
DEBUGCTL_BTF = 1 << 1
PENDING_SINGLE_STEP = 1 << 14
CS_LONG = 1 << 13
EFER_LMA = 1 << 10


@implements(contract.vcpu_skip_instruction)
@fn(inline=True)
def vcpu_skip_instruction(vcpu: Vcpu) -> None:
    """Advance RIP by `exit.instruction_length`; the interrupt shadow ends; a single-step trap becomes pending."""
    length = vcpu.exit.instruction_length
    rip = fields.GUEST_RIP.read().wrapping_add(u64(length))
    if u32.trunc(rip) < length:
        rip = wrapped(rip)
    fields.GUEST_RIP.write_surely(rip)
    blocking = fields.GUEST_INTERRUPTIBILITY.read()
    if blocking & SHADOW != 0:
        fields.GUEST_INTERRUPTIBILITY.write(blocking & ~SHADOW)
    if fields.GUEST_RFLAGS.read() & RFLAGS_TF != 0:
        pend_single_step()


@fn(cold=True, noinline=True)
def wrapped(rip: u64) -> u64:
    """RIP after it crossed a 4 GiB boundary: EIP wraps outside 64-bit code."""
    if fields.GUEST_EFER.read() & EFER_LMA != 0 and fields.GUEST_CS_RIGHTS.read() & CS_LONG != 0:
        return rip
    return rip & 0xFFFF_FFFF


@fn(cold=True, noinline=True)
def pend_single_step() -> None:
    """The instruction ran with TF set: #DB follows it, unless TF stops at branches only (BTF)."""
    if fields.GUEST_DEBUGCTL.read() & DEBUGCTL_BTF == 0:
        fields.GUEST_PENDING_DEBUG.write(fields.GUEST_PENDING_DEBUG.read() | PENDING_SINGLE_STEP)
