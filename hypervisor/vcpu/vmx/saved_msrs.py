"""MSRs that belong to the guest's own state: in the VMCS, or in the processor while the vCPU is loaded."""

from __future__ import annotations

from codegen.lang import fn, implements, rdmsr, u32, u64, wrmsr
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields, msr_index
from hypervisor.vcpu.vmx.loaded import load


@fn
def in_processor(msr: u32) -> bool:
    """STAR, LSTAR, CSTAR, FMASK and KERNEL_GS_BASE: no other index ever reaches a raw RDMSR or WRMSR (XSA-333)."""
    return msr_index.IA32_STAR <= msr <= msr_index.IA32_FMASK or msr == msr_index.IA32_KERNEL_GS_BASE


@implements(contract.vcpu_read_saved_msr)
@fn(cold=True)
def vcpu_read_saved_msr(vcpu: Vcpu, msr: u32) -> u64:
    """An MSR of the guest's own state; 0 for any that the contract does not name."""
    load(vcpu)
    if in_processor(msr):
        return rdmsr(msr)
    match msr:
        case msr_index.IA32_SYSENTER_CS:
            return u64(fields.GUEST_SYSENTER_CS.read())
        case msr_index.IA32_SYSENTER_ESP:
            return fields.GUEST_SYSENTER_ESP.read()
        case msr_index.IA32_SYSENTER_EIP:
            return fields.GUEST_SYSENTER_EIP.read()
        case msr_index.IA32_DEBUGCTL:
            return fields.GUEST_DEBUGCTL.read()
        case msr_index.IA32_PAT:
            return fields.GUEST_PAT.read()
        case msr_index.IA32_FS_BASE:
            return fields.GUEST_FS_BASE.read()
        case msr_index.IA32_GS_BASE:
            return fields.GUEST_GS_BASE.read()
        case _:
            return u64(0)


@implements(contract.vcpu_write_saved_msr)
@fn(cold=True)
def vcpu_write_saved_msr(vcpu: Vcpu, msr: u32, value: u64) -> None:
    """Set such an MSR to a value that was validated; any other index is left alone."""
    load(vcpu)
    if in_processor(msr):
        wrmsr(msr, value)
        return
    match msr:
        case msr_index.IA32_SYSENTER_CS:
            fields.GUEST_SYSENTER_CS.write(u32.trunc(value))
        case msr_index.IA32_SYSENTER_ESP:
            fields.GUEST_SYSENTER_ESP.write(value)
        case msr_index.IA32_SYSENTER_EIP:
            fields.GUEST_SYSENTER_EIP.write(value)
        case msr_index.IA32_DEBUGCTL:
            fields.GUEST_DEBUGCTL.write(value)
        case msr_index.IA32_PAT:
            fields.GUEST_PAT.write(value)
        case msr_index.IA32_FS_BASE:
            fields.GUEST_FS_BASE.write(value)
        case msr_index.IA32_GS_BASE:
            fields.GUEST_GS_BASE.write(value)
        case _:
            pass
