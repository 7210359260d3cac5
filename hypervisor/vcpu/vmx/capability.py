"""What this processor can do in VMX operation: capability MSRs, and the controls chosen by them (SDM vol. 3D, A)."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, bits, cpuid, fn, rdmsr, u8, u32, u64
from hypervisor.vcpu.contract import Capability
from hypervisor.vcpu.vmx import controls, msr_index
from hypervisor.vcpu.vmx.state import FEATURES

CR0_PE_PG = 0x8000_0001


class FeatureControl(BitStruct, repr=u64):
    """IA32_FEATURE_CONTROL (SDM vol. 3C, 24.7)."""

    locked: bool = bit(0)
    vmx_in_smx: bool = bit(1)
    vmx: bool = bit(2)


class VmxBasic(BitStruct, repr=u64):
    """IA32_VMX_BASIC (A.1)."""

    revision: u32 = bits(0, 30)
    io_information: bool = bit(54)  # INS and OUTS exits report address size and segment
    true_controls: bool = bit(55)


class VmxMisc(BitStruct, repr=u64):
    """IA32_VMX_MISC (A.6)."""

    timer_shift: u8 = bits(0, 4)
    hlt_state: bool = bit(6)
    shutdown_state: bool = bit(7)
    startup_state: bool = bit(8)
    cr3_targets: u32 = bits(16, 24)
    zero_length_injection: bool = bit(30)


class EptVpidCapability(BitStruct, repr=u64):
    """IA32_VMX_EPT_VPID_CAP (A.10)."""

    execute_only: bool = bit(0)
    four_level: bool = bit(6)
    write_back: bool = bit(14)
    leaf_2m: bool = bit(16)
    leaf_1g: bool = bit(17)
    invept: bool = bit(20)
    accessed_dirty: bool = bit(21)
    invept_single: bool = bit(25)
    invept_all: bool = bit(26)
    invvpid: bool = bit(32)
    invvpid_single: bool = bit(41)
    invvpid_all: bool = bit(42)


class FeatureBits(BitStruct, repr=u32):
    """CPUID leaf 1, ECX."""

    vmx: bool = bit(5)
    xsave: bool = bit(26)


@fn
def allowed(capability: u64, wanted: u32) -> bool:
    """Whether every bit of `wanted` may be 1: the upper half of a capability MSR (A.3)."""
    return u64(wanted) & ~(capability >> 32) == 0


@fn
def adjusted(capability: u64, wanted: u32) -> u32:
    """`wanted`, less what may not be 1, with what must be 1: the lower half of a capability MSR (A.3)."""
    return u32.trunc((u64(wanted) & (capability >> 32)) | capability)


@fn
def missing_in_cpuid() -> Capability:
    """VMX, and the firmware's lock."""
    _, _, ecx, _ = cpuid(u32(1), u32(0))
    feature = FeatureBits.of(ecx)
    if not feature.vmx:
        return Capability.VIRTUALIZATION
    control = FeatureControl.of(rdmsr(u32(msr_index.IA32_FEATURE_CONTROL)))
    if control.locked and not control.vmx:
        return Capability.FIRMWARE_LOCK
    return Capability.PRESENT


@fn
def missing_beside_vmx() -> Capability:
    """XSAVE and NX."""
    _, _, ecx, _ = cpuid(u32(1), u32(0))
    if not FeatureBits.of(ecx).xsave:
        return Capability.XSAVE
    _, _, _, edx = cpuid(u32(0x8000_0001), u32(0))
    if edx & (1 << 20) == 0:
        return Capability.NO_EXECUTE
    return Capability.PRESENT


@fn
def missing_in_ept() -> Capability:
    """The secondary controls and the kinds of EPT and VPID that we need. VMX itself is there."""
    if not allowed(
        rdmsr(u32(msr_index.IA32_VMX_PROCBASED_CTLS)), u32(controls.PrimaryControls(secondary_controls=True))
    ):
        return Capability.SECOND_LEVEL_PAGING
    secondary = rdmsr(u32(msr_index.IA32_VMX_PROCBASED_CTLS2))
    if not allowed(secondary, u32(controls.SecondaryControls(ept=True))):
        return Capability.SECOND_LEVEL_PAGING
    if not allowed(secondary, u32(controls.SecondaryControls(unrestricted_guest=True))):
        return Capability.UNRESTRICTED_GUEST
    if not allowed(secondary, controls.SECONDARY_REQUIRED):
        return Capability.TRUE_CONTROLS
    ept = EptVpidCapability.of(rdmsr(u32(msr_index.IA32_VMX_EPT_VPID_CAP)))
    if not (ept.four_level and ept.write_back and ept.leaf_2m and ept.invept and ept.invept_single and ept.invept_all):
        return Capability.SECOND_LEVEL_PAGING
    if not (ept.invvpid and ept.invvpid_single and ept.invvpid_all):
        return Capability.TRUE_CONTROLS
    return Capability.PRESENT


@fn
def missing_in_controls() -> Capability:
    """The controls of the TRUE capability MSRs, which let MOV CR3 run without an exit (A.3.2)."""
    basic = VmxBasic.of(rdmsr(u32(msr_index.IA32_VMX_BASIC)))
    if not (basic.true_controls and basic.io_information):
        return Capability.TRUE_CONTROLS
    primary = controls.PRIMARY_REQUIRED | controls.PRIMARY_WINDOWS
    if not (
        allowed(rdmsr(u32(msr_index.IA32_VMX_TRUE_PINBASED_CTLS)), controls.PIN_REQUIRED)
        and allowed(rdmsr(u32(msr_index.IA32_VMX_TRUE_PROCBASED_CTLS)), primary)
        and allowed(rdmsr(u32(msr_index.IA32_VMX_TRUE_EXIT_CTLS)), controls.EXIT_REQUIRED)
        and allowed(rdmsr(u32(msr_index.IA32_VMX_TRUE_ENTRY_CTLS)), controls.ENTRY_REQUIRED)
    ):
        return Capability.TRUE_CONTROLS
    return Capability.PRESENT


@fn
def negotiate() -> None:
    """Fill FEATURES from the capability MSRs. Nothing is missing."""
    basic = VmxBasic.of(rdmsr(u32(msr_index.IA32_VMX_BASIC)))
    misc = VmxMisc.of(rdmsr(u32(msr_index.IA32_VMX_MISC)))
    ept = EptVpidCapability.of(rdmsr(u32(msr_index.IA32_VMX_EPT_VPID_CAP)))
    secondary = controls.SECONDARY_REQUIRED | controls.SECONDARY_OPTIONAL
    FEATURES.revision = basic.revision
    FEATURES.pin = adjusted(rdmsr(u32(msr_index.IA32_VMX_TRUE_PINBASED_CTLS)), controls.PIN_REQUIRED)
    FEATURES.primary = adjusted(rdmsr(u32(msr_index.IA32_VMX_TRUE_PROCBASED_CTLS)), controls.PRIMARY_REQUIRED)
    FEATURES.secondary = adjusted(rdmsr(u32(msr_index.IA32_VMX_PROCBASED_CTLS2)), secondary)
    FEATURES.exit = adjusted(rdmsr(u32(msr_index.IA32_VMX_TRUE_EXIT_CTLS)), controls.EXIT_REQUIRED)
    FEATURES.entry = adjusted(rdmsr(u32(msr_index.IA32_VMX_TRUE_ENTRY_CTLS)), controls.ENTRY_REQUIRED)
    FEATURES.timer_shift = u32(misc.timer_shift)
    FEATURES.largest_leaf = u32(3) if ept.leaf_1g else u32(2)
    FEATURES.cr0_fixed = rdmsr(u32(msr_index.IA32_VMX_CR0_FIXED0)) & ~CR0_PE_PG
    FEATURES.cr0_allowed = rdmsr(u32(msr_index.IA32_VMX_CR0_FIXED1))
    FEATURES.cr4_fixed = rdmsr(u32(msr_index.IA32_VMX_CR4_FIXED0))
    FEATURES.cr4_allowed = rdmsr(u32(msr_index.IA32_VMX_CR4_FIXED1))
    width, _, _, _ = cpuid(u32(0x8000_0008), u32(0))
    FEATURES.reserved_address = ~((u64(1) << (width & 0x3F)) - 1)
