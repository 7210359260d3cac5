"""Which of the host's CPUID bits a guest may see: an allow-list per leaf, so that a new feature is hidden until we know
it."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.lang import cpuid, fn, max, min, static, u32, u64
from hypervisor.cpu.xstate import XSTATE
from hypervisor.vcpu.contract import cpuid_fill_vendor_topology
from hypervisor.vm.cpuid_cores import host_has_leaf
from hypervisor.vm.cpuid_table import (
    BASIC_LEAVES,
    EXTENDED_FIRST,
    EXTENDED_LEAVES,
    HYPERVISOR_FIRST,
    CpuidTable,
    LeafKind,
)

ALL = 0xFFFF_FFFF


def mask(*bits: int) -> int:
    """An allow-list from bit numbers."""
    return sum(1 << bit for bit in bits)


@dataclass(frozen=True)
class LeafPolicy:
    """Bits of the host's answer that pass, and bits that are set whatever the host says."""

    leaf: int
    eax: int = 0
    ebx: int = 0
    ecx: int = 0
    edx: int = 0
    kind: LeafKind = LeafKind.FIXED
    set_ecx: int = 0


# Leaf 1, SDM vol. 2A table 3-10. ECX: SSE3 PCLMUL SSSE3 FMA CX16 SSE4.1 SSE4.2 x2APIC MOVBE POPCNT TSC-deadline AES
# XSAVE OSXSAVE AVX F16C RDRAND;
# hidden: DTES64 MONITOR DS-CPL VMX SMX EST TM2 PDCM PCID DCA. x2APIC, TSC-deadline and the hypervisor bit are ours.
FEATURES_ECX = mask(0, 1, 9, 12, 13, 19, 20, 22, 23, 25, 26, 28, 29, 30)
FEATURES_ECX_SET = mask(21, 24, 31)
# EDX: FPU VME DE PSE TSC MSR PAE MCE CX8 APIC SEP MTRR PGE MCA CMOV PAT PSE36 CLFSH MMX FXSR SSE SSE2; hidden: PSN DS
# ACPI TM PBE. HTT follows the number of vCPUs.
FEATURES_EDX = mask(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 23, 24, 25, 26)
# Leaf 7, subleaf 0. EBX: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS AVX512F AVX512DQ RDSEED ADX SMAP AVX512IFMA CLFLUSHOPT CLWB
# AVX512CD SHA AVX512BW AVX512VL.
STRUCTURED_EBX = mask(0, 3, 5, 7, 8, 9, 16, 17, 18, 19, 20, 21, 23, 24, 28, 29, 30, 31)
# ECX: AVX512VBMI UMIP AVX512VBMI2 GFNI VAES VPCLMUL VNNI BITALG VPOPCNTDQ. EDX: FSRM MD_CLEAR. Hidden: PKU LA57 RDPID
# MPX INVPCID HLE RTM.
STRUCTURED_ECX = mask(1, 2, 6, 8, 9, 10, 11, 12, 14)
STRUCTURED_EDX = mask(4, 10)
# Leaf 80000001H. ECX: LAHF ABM SSE4A MISALIGN PREFETCHW; EDX: SYSCALL NX MMXEXT FXSR FFXSR 1GB
# RDTSCP LM and the AMD copies.
EXTENDED_ECX = mask(0, 5, 6, 7, 8)
EXTENDED_EDX = FEATURES_EDX & 0x0183_F3FF | mask(11, 20, 22, 25, 26, 27, 29)

BASIC = (
    LeafPolicy(
        1, eax=ALL, ebx=0xFF00, ecx=FEATURES_ECX, edx=FEATURES_EDX, kind=LeafKind.FEATURES, set_ecx=FEATURES_ECX_SET
    ),
    LeafPolicy(2, eax=ALL, ebx=ALL, ecx=ALL, edx=ALL),
    LeafPolicy(6, eax=mask(2)),  # ARAT: the local APIC timer never stops
)
EXTENDED = (
    LeafPolicy(1, eax=ALL, ebx=ALL, ecx=EXTENDED_ECX, edx=EXTENDED_EDX),
    LeafPolicy(2, ALL, ALL, ALL, ALL),
    LeafPolicy(3, ALL, ALL, ALL, ALL),
    LeafPolicy(4, ALL, ALL, ALL, ALL),
    LeafPolicy(5, ALL, ALL, ALL, ALL),
    LeafPolicy(6, ALL, ALL, ALL, ALL),
    LeafPolicy(8, eax=0xFFFF, ebx=mask(0, 2, 4, 9)),  # widths; CLZERO, XSAVEERPTR, RDPRU hidden, WBNOINVD
)
# CR4: VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT
CR4_ALWAYS = mask(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
CR4_UMIP, CR4_OSXSAVE = mask(11), mask(18)
UMIP, XSAVE = mask(2), mask(26)
CR4_BY_STRUCTURED_EBX = ((0, 16), (7, 20), (20, 21))  # FSGSBASE, SMEP, SMAP: CPUID bit, CR4 bit
INVARIANT_TSC = mask(8)
HTT = mask(28)
PROCESSORS_SHIFT = 16  # leaf 1, EBX
TOPOLOGY_LEAVES = (0xB, 0x1F)

KVM_SIGNATURE = b"KVMKVMKVM\0\0\0"
KEELBACK_SIGNATURE = b"KeelbackHV\0\0"
# KVM features that exist here: no I/O delay (1), clock source 2 (3), stable clock (24). Linux uses a bit as soon as it
# is shown.
KVM_FEATURES = mask(1, 3, 24)


def word(signature: bytes, index: int) -> int:
    """Four bytes of a signature as a register holds them."""
    return int.from_bytes(signature[4 * index : 4 * index + 4], "little")


@fn
def fill_cpuid(table: CpuidTable, kvm_signature: bool, cores: u32) -> None:
    """Fill a zeroed table from this processor and the policy, for a VM of `cores` vCPUs."""
    fill_basic(table)
    fill_structured(table)
    fill_extended_state(table)
    fill_extended(table)
    fill_topology(table, cores)
    fill_hypervisor(table, kvm_signature)
    table.cr4_allowed = cr4_of(table)


@fn
def fill_basic(table: CpuidTable) -> None:
    """Leaves 0 to 1FH that have no subleaves."""
    highest, ebx, ecx, edx = cpuid(u32(0), u32(0))
    limit = min(highest, u32(BASIC_LEAVES - 1))
    vendor = table.basic[0]
    vendor.kind = u32(LeafKind.FIXED)
    vendor.eax = max(limit, u32(0xD))
    vendor.ebx = ebx
    vendor.ecx = ecx
    vendor.edx = edx
    for policy in static(BASIC):
        if policy.leaf <= limit:
            eax, ebx, ecx, edx = cpuid(u32(policy.leaf), u32(0))
            answer = table.basic[policy.leaf]
            answer.kind = u32(policy.kind)
            answer.eax = eax & policy.eax
            answer.ebx = ebx & policy.ebx
            answer.ecx = ecx & policy.ecx | policy.set_ecx
            answer.edx = edx & policy.edx


@fn
def fill_structured(table: CpuidTable) -> None:
    """Leaf 7: structured features, subleaf 0 only."""
    if not host_has_leaf(u32(7)):
        return
    _eax, ebx, ecx, edx = cpuid(u32(7), u32(0))
    table.basic[7].kind = u32(LeafKind.SUBLEAVES)
    answer = table.add_subleaf(u32(7), u32(0))
    answer.ebx = ebx & STRUCTURED_EBX
    answer.ecx = ecx & STRUCTURED_ECX
    answer.edx = edx & STRUCTURED_EDX


@fn
def fill_extended_state(table: CpuidTable) -> None:
    """Leaf 0DH: the components that the host switches whole; XSAVES and supervisor states are hidden."""
    table.basic[0xD].kind = u32(LeafKind.EXTENDED_STATE)
    main = table.add_subleaf(u32(0xD), u32(0))
    main.eax = u32.trunc(XSTATE.mask)
    main.ecx = XSTATE.area_bytes
    eax, _ebx, _ecx, _edx = cpuid(u32(0xD), u32(1))
    features = table.add_subleaf(u32(0xD), u32(1))
    features.eax = eax & 0x7  # XSAVEOPT, XSAVEC, XGETBV with ECX = 1
    component = u32(2)
    while component < 19:
        if (XSTATE.mask >> component) & 1 != 0:
            eax, ebx, ecx, _edx = cpuid(u32(0xD), component)
            answer = table.add_subleaf(u32(0xD), component)
            answer.eax = eax
            answer.ebx = ebx
            answer.ecx = ecx & 2  # aligned in the compacted form
        component = component + 1


@fn
def fill_extended(table: CpuidTable) -> None:
    """Leaves 80000000H and up."""
    highest, ebx, ecx, edx = cpuid(u32(EXTENDED_FIRST), u32(0))
    limit = min(highest, u32(EXTENDED_FIRST + EXTENDED_LEAVES - 1))
    first = table.extended[0]
    first.kind = u32(LeafKind.FIXED)
    first.eax = limit
    first.ebx = ebx
    first.ecx = ecx
    first.edx = edx
    for policy in static(EXTENDED):
        if EXTENDED_FIRST + policy.leaf <= limit:
            eax, ebx, ecx, edx = cpuid(u32(EXTENDED_FIRST + policy.leaf), u32(0))
            answer = table.extended[policy.leaf]
            answer.kind = u32(policy.kind)
            answer.eax = eax & policy.eax
            answer.ebx = ebx & policy.ebx
            answer.ecx = ecx & policy.ecx
            answer.edx = edx & policy.edx
    power = table.extended[7]
    power.kind = u32(LeafKind.FIXED)
    power.edx = INVARIANT_TSC  # the monitor never changes the rate, and every clock of the VM derives from it


@fn
def fill_topology(table: CpuidTable, cores: u32) -> None:
    """One package, one thread a core. The IDs of leaves 1, 0BH, 1FH and 8000001EH are put in at the exit."""
    features = table.basic[1]
    features.ebx = features.ebx | cores << PROCESSORS_SHIFT
    if cores > 1:
        features.edx = features.edx | HTT
    for leaf in static(TOPOLOGY_LEAVES):
        if leaf <= table.basic[0].eax:
            table.basic[leaf].kind = u32(LeafKind.TOPOLOGY)
    cpuid_fill_vendor_topology(table, cores)


@fn
def fill_hypervisor(table: CpuidTable, kvm_signature: bool) -> None:
    """Leaves 40000000H: the KVM-compatible clock, or our own name with no features."""
    name = table.hypervisor[0]
    name.kind = u32(LeafKind.FIXED)
    name.eax = HYPERVISOR_FIRST + 1
    table.hypervisor[1].kind = u32(LeafKind.FIXED)
    if kvm_signature:
        name.ebx = static(word(KVM_SIGNATURE, 0))
        name.ecx = static(word(KVM_SIGNATURE, 1))
        name.edx = static(word(KVM_SIGNATURE, 2))
        table.hypervisor[1].eax = KVM_FEATURES
    else:
        name.ebx = static(word(KEELBACK_SIGNATURE, 0))
        name.ecx = static(word(KEELBACK_SIGNATURE, 1))
        name.edx = static(word(KEELBACK_SIGNATURE, 2))


@fn
def cr4_of(table: CpuidTable) -> u64:
    """CR4 bits that the guest may set (SDM vol. 3A, 2.5): those of every processor with long mode, and those of shown
    features."""
    allowed = u64(CR4_ALWAYS)
    structured = table.find_subleaf(u32(7), u32(0))
    for feature, bit in static(CR4_BY_STRUCTURED_EBX):
        if (structured.ebx >> feature) & 1 != 0:
            allowed = allowed | static(1 << bit)
    if structured.ecx & UMIP != 0:
        allowed = allowed | CR4_UMIP
    if table.basic[1].ecx & XSAVE != 0:
        allowed = allowed | CR4_OSXSAVE
    return allowed
