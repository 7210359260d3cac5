"""Guest registers that the VMCS holds: RIP, RSP, RFLAGS, DR7."""

from __future__ import annotations

from codegen.lang import fn, implements, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.loaded import load

RFLAGS_ALWAYS_1 = 1 << 1
RFLAGS_DEFINED = 0x3F_7FD7  # 27.3.1.4: the rest must be 0


@implements(contract.vcpu_rip)
@fn
def vcpu_rip(vcpu: Vcpu) -> u64:
    """Guest RIP."""
    load(vcpu)
    return fields.GUEST_RIP.read()


@implements(contract.vcpu_set_rip)
@fn
def vcpu_set_rip(vcpu: Vcpu, value: u64) -> None:
    """Set guest RIP."""
    load(vcpu)
    fields.GUEST_RIP.write(value)


@implements(contract.vcpu_rsp)
@fn
def vcpu_rsp(vcpu: Vcpu) -> u64:
    """Guest RSP."""
    load(vcpu)
    return fields.GUEST_RSP.read()


@implements(contract.vcpu_set_rsp)
@fn
def vcpu_set_rsp(vcpu: Vcpu, value: u64) -> None:
    """Set guest RSP."""
    load(vcpu)
    fields.GUEST_RSP.write(value)


@implements(contract.vcpu_rflags)
@fn
def vcpu_rflags(vcpu: Vcpu) -> u64:
    """Guest RFLAGS."""
    load(vcpu)
    return fields.GUEST_RFLAGS.read()


@implements(contract.vcpu_set_rflags)
@fn
def vcpu_set_rflags(vcpu: Vcpu, value: u64) -> None:
    """Set guest RFLAGS; reserved bits become what an entry demands."""
    load(vcpu)
    fields.GUEST_RFLAGS.write((value & RFLAGS_DEFINED) | RFLAGS_ALWAYS_1)


@implements(contract.vcpu_set_dr7)
@fn
def vcpu_set_dr7(vcpu: Vcpu, value: u64) -> None:
    """Set guest DR7; bits 63:32 must be 0 and bit 10 is 1 (27.3.1.1)."""
    load(vcpu)
    fields.GUEST_DR7.write((value & 0xFFFF_FFFF) | 0x400)
