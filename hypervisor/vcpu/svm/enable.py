"""What the machine must have, and switching SVM on (APM vol. 2, 15.4)."""

from __future__ import annotations

from codegen.lang import Hpa, cpuid, fn, implements, rdmsr, u8, u32, u64, wrmsr
from hypervisor.memory.frames import allocate_frames
from hypervisor.memory.owner import Owner
from hypervisor.vcpu import contract
from hypervisor.vcpu.contract import Capability
from hypervisor.vcpu.svm.permission_maps import MAPS_FRAMES, fill_permission_maps
from hypervisor.vcpu.svm.state import MAPS, SVM

EFER, VM_CR, VM_HSAVE_PA = 0xC000_0080, 0xC001_0114, 0xC001_0117
EFER_SVME = 1 << 12
VM_CR_SVMDIS = 1 << 4
CPUID_SVM = 0x8000_000A
EXTENDED_FEATURES = 0x8000_0001
ECX_SVM = 1 << 2
EDX_NX = 1 << 20
XSAVE = 1 << 26
NESTED_PAGING, NEXT_RIP_SAVE, FLUSH_BY_ASID = 1 << 0, 1 << 3, 1 << 6


@implements(contract.vendor_missing_capability)
@fn(cold=True)
def vendor_missing_capability() -> Capability:
    """The first thing this CPU lacks, or PRESENT."""
    highest, _, _, _ = cpuid(u32(0x8000_0000), u32(0))
    if highest < CPUID_SVM:
        return Capability.VIRTUALIZATION
    _, _, ecx, edx = cpuid(u32(EXTENDED_FEATURES), u32(0))
    if ecx & ECX_SVM == 0:
        return Capability.VIRTUALIZATION
    if rdmsr(u32(VM_CR)) & VM_CR_SVMDIS != 0:
        return Capability.FIRMWARE_LOCK
    _, asids, _, features = cpuid(u32(CPUID_SVM), u32(0))
    if features & NESTED_PAGING == 0:
        return Capability.SECOND_LEVEL_PAGING
    if edx & EDX_NX == 0:
        return Capability.NO_EXECUTE
    _, _, standard, _ = cpuid(u32(1), u32(0))
    if standard & XSAVE == 0:
        return Capability.XSAVE
    SVM.next_rip = features & NEXT_RIP_SAVE != 0
    SVM.flush_by_asid = features & FLUSH_BY_ASID != 0
    SVM.asids = asids
    return Capability.PRESENT


@implements(contract.vendor_capability_word)
@fn(cold=True)
def vendor_capability_word(number: u32) -> u64 | None:
    """CPUID 8000000AH: revision, ASIDs, features."""
    revision, asids, _, features = cpuid(u32(CPUID_SVM), u32(0))
    match number:
        case 0:
            return u64(revision)
        case 1:
            return u64(asids)
        case 2:
            return u64(features)
        case _:
            return None


@implements(contract.vendor_enable_cpu)
@fn(cold=True)
def vendor_enable_cpu(host_area: Hpa) -> Capability:
    """Set EFER.SVME and give VMRUN its place for the host's state; make the permission maps once."""
    wrmsr(u32(EFER), rdmsr(u32(EFER)) | EFER_SVME)
    wrmsr(u32(VM_HSAVE_PA), u64(host_area))
    if MAPS.base == Hpa(0):
        maps = allocate_frames(u32(MAPS_FRAMES), u8(u32(Owner.CONTROL)))
        assert maps is not None
        fill_permission_maps(maps)
        MAPS.base = maps
    return Capability.PRESENT
