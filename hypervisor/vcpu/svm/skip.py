"""Completing an instruction on the guest's behalf."""

from __future__ import annotations

from codegen.lang import fn, implements, u8, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.svm.nmi import end_step
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.vcpu import NMI_WORK, Vcpu

RFLAGS_TF = 1 << 8
DR6_SINGLE_STEP = 1 << 14
CS_LONG = 1 << 9  # of the VMCB's attributes
EFER_LMA = 1 << 10
DEBUG = 1


@implements(contract.vcpu_skip_instruction)
@fn(inline=True)
def vcpu_skip_instruction(vcpu: Vcpu) -> None:
    """Advance RIP by `exit.instruction_length`; the interrupt shadow ends; with TF set a #DB follows the
    instruction."""
    vmcb = svm_of(vcpu).vmcb
    length = vcpu.exit.instruction_length
    rip = vmcb.save.rip.wrapping_add(u64(length))
    if u32.trunc(rip) < length:
        rip = wrapped(vcpu, rip)
    vmcb.save.rip = rip
    vmcb.control.interrupt_shadow = 0
    if vmcb.save.rflags & RFLAGS_TF != 0:
        raise_single_step(vcpu)


@fn(cold=True, noinline=True)
def wrapped(vcpu: Vcpu, rip: u64) -> u64:
    """RIP after it crossed a 4 GiB boundary: EIP wraps outside 64-bit code."""
    save = svm_of(vcpu).vmcb.save
    if save.efer & EFER_LMA != 0 and save.cs.attributes & CS_LONG != 0:
        return rip
    return rip & 0xFFFF_FFFF


@fn(cold=True, noinline=True)
def raise_single_step(vcpu: Vcpu) -> None:
    """The VMCB has no pending debug exceptions: the #DB is injected, unless another event goes first. A step of our own
    is done by this instruction."""
    if svm_of(vcpu).stepping:
        end_step(vcpu)
        vcpu.work.fetch_or(NMI_WORK)
        return
    if vcpu.pending.valid:
        return
    save = svm_of(vcpu).vmcb.save
    save.dr6 = save.dr6 | DR6_SINGLE_STEP
    vcpu.pending = Event(vector=u8(DEBUG), type=EventType.EXCEPTION, valid=True)
