"""Switching VMX on for one processor (SDM vol. 3C, 24.7 and 32.5)."""

from __future__ import annotations

from codegen.lang import (
    Field,
    Hpa,
    Struct,
    at,
    fn,
    implements,
    len,
    phys,
    rdmsr,
    read_cr0,
    read_cr4,
    table,
    u32,
    u64,
    write_cr0,
    write_cr4,
    wrmsr,
)
from hypervisor.vcpu import contract
from hypervisor.vcpu.contract import Capability
from hypervisor.vcpu.vmx import msr_index
from hypervisor.vcpu.vmx.capability import (
    FeatureControl,
    missing_beside_vmx,
    missing_in_controls,
    missing_in_cpuid,
    missing_in_ept,
    negotiate,
)
from hypervisor.vcpu.vmx.instructions import vmxon
from hypervisor.vcpu.vmx.state import FEATURES

CR0_NE = 1 << 5
CR4_VMXE = 1 << 13
CAPABILITY_MSRS = table(
    u32,
    [
        msr_index.IA32_VMX_BASIC,
        msr_index.IA32_VMX_MISC,
        msr_index.IA32_VMX_CR0_FIXED0,
        msr_index.IA32_VMX_CR0_FIXED1,
        msr_index.IA32_VMX_CR4_FIXED0,
        msr_index.IA32_VMX_CR4_FIXED1,
        msr_index.IA32_VMX_PROCBASED_CTLS2,
        msr_index.IA32_VMX_EPT_VPID_CAP,
        msr_index.IA32_VMX_TRUE_PINBASED_CTLS,
        msr_index.IA32_VMX_TRUE_PROCBASED_CTLS,
        msr_index.IA32_VMX_TRUE_EXIT_CTLS,
        msr_index.IA32_VMX_TRUE_ENTRY_CTLS,
    ],
)


class VmxRegion(Struct, size=4096, align=4096):
    """A VMCS or VMXON region: only the revision is ours to write (SDM vol. 3C, 25.2)."""

    revision: Field[u32] = at(0)
    abort: Field[u32] = at(4)


@implements(contract.vendor_missing_capability)
@fn(cold=True)
def vendor_missing_capability() -> Capability:
    """The first thing this CPU lacks. VMX, firmware lock, EPT, unrestricted guest, the controls, XSAVE, NX."""
    missing = missing_in_cpuid()
    if missing == Capability.PRESENT:
        missing = missing_in_ept()
    if missing == Capability.PRESENT:
        missing = missing_in_controls()
    if missing == Capability.PRESENT:
        missing = missing_beside_vmx()
    return missing


@implements(contract.vendor_capability_word)
@fn(cold=True)
def vendor_capability_word(number: u32) -> u64 | None:
    """The capability MSRs that the controls are chosen by."""
    if number >= len(CAPABILITY_MSRS):
        return None
    return rdmsr(CAPABILITY_MSRS[number])


@implements(contract.vendor_enable_cpu)
@fn(cold=True)
def vendor_enable_cpu(host_area: Hpa) -> Capability:
    """VMXON with the frame at `host_area`. An unlocked IA32_FEATURE_CONTROL is set and locked, as firmware would."""
    missing = vendor_missing_capability()
    if missing != Capability.PRESENT:
        return missing
    control = FeatureControl.of(rdmsr(u32(msr_index.IA32_FEATURE_CONTROL)))
    if not control.locked:
        wrmsr(u32(msr_index.IA32_FEATURE_CONTROL), u64(control.replace(vmx=True, locked=True)))
    negotiate()
    write_cr0(read_cr0() | CR0_NE)
    write_cr4(read_cr4() | CR4_VMXE)
    phys(VmxRegion, host_area).revision = FEATURES.revision
    if not vmxon(host_area):
        return Capability.FIRMWARE_LOCK
    return Capability.PRESENT
