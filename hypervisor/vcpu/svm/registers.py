"""Guest registers that the VMCB holds."""

from __future__ import annotations

from codegen.lang import fn, implements, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.vcpu import Vcpu

RFLAGS_ALWAYS_1 = 1 << 1
RFLAGS_DEFINED = 0x3F_7FD7


@implements(contract.vcpu_rip)
@fn
def vcpu_rip(vcpu: Vcpu) -> u64:
    """Guest RIP."""
    return save_of(vcpu).rip


@implements(contract.vcpu_set_rip)
@fn
def vcpu_set_rip(vcpu: Vcpu, value: u64) -> None:
    """Set guest RIP."""
    save_of(vcpu).rip = value


@implements(contract.vcpu_rsp)
@fn
def vcpu_rsp(vcpu: Vcpu) -> u64:
    """Guest RSP."""
    return save_of(vcpu).rsp


@implements(contract.vcpu_set_rsp)
@fn
def vcpu_set_rsp(vcpu: Vcpu, value: u64) -> None:
    """Set guest RSP."""
    save_of(vcpu).rsp = value


@implements(contract.vcpu_rflags)
@fn
def vcpu_rflags(vcpu: Vcpu) -> u64:
    """Guest RFLAGS."""
    return save_of(vcpu).rflags


@implements(contract.vcpu_set_rflags)
@fn
def vcpu_set_rflags(vcpu: Vcpu, value: u64) -> None:
    """Set guest RFLAGS; reserved bits become what they must be."""
    save_of(vcpu).rflags = value & RFLAGS_DEFINED | RFLAGS_ALWAYS_1


@implements(contract.vcpu_set_dr7)
@fn
def vcpu_set_dr7(vcpu: Vcpu, value: u64) -> None:
    """Set guest DR7; bits 63:32 must be 0 (15.5.1), and bit 10 is 1."""
    save_of(vcpu).dr7 = value & 0xFFFF_FFFF | 0x400


@implements(contract.vcpu_cpl)
@fn
def vcpu_cpl(vcpu: Vcpu) -> u32:
    """Current privilege level."""
    return u32(save_of(vcpu).cpl & 3)
