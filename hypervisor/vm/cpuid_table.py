"""The CPUID answers of one VM, laid out so that the common leaves are found by index."""

from __future__ import annotations

from codegen.lang import Array, Field, HwEnum, Struct, bounded_index, count, fn, forget_range, max, range, u32, u64

BASIC_LEAVES = 0x20
EXTENDED_LEAVES = 0x22
EXTENDED_FIRST = 0x8000_0000
HYPERVISOR_FIRST = 0x4000_0000
HYPERVISOR_LEAVES = 2
SUBLEAVES_MAX = 64
COMPONENTS_MAX = 10  # of the extended state: see hypervisor/cpu/xstate.py
LEGACY_AND_HEADER = 576
ALIGNED = 1 << 1  # leaf 0DH, ECX: the component begins on 64 bytes in the compacted form
FFXSR = 1 << 25
RDTSCP = 1 << 27  # leaf 80000001H, EDX


class LeafKind(HwEnum, repr=u32):
    """How a leaf is answered: the first two as they stand in the table."""

    ZERO = 0  # reserved: all zeroes
    FIXED = 1
    SUBLEAVES = 2  # depends on ECX: look in `subleaves`
    FEATURES = 3  # leaf 1: APIC id and OSXSAVE are per vCPU
    TOPOLOGY = 4  # leaves 0BH, 1FH and 8000001EH: per-vCPU ids
    EXTENDED_STATE = 5  # leaf 0DH: sizes follow XCR0


class CpuidAnswer(Struct):
    """What CPUID returns for one leaf."""

    kind: Field[u32]  # LeafKind as its number: most exits only ask whether it is one of the first two
    eax: Field[u32]
    ebx: Field[u32]
    ecx: Field[u32]
    edx: Field[u32]


class CpuidSubleaf(Struct):
    """What CPUID returns for one leaf and subleaf."""

    leaf: Field[u32]
    subleaf: Field[u32]
    answer: CpuidAnswer


class CpuidTable(Struct):
    """All leaves that a guest can ask for; everything else answers as the highest basic leaf does on AMD: zeroes."""

    basic: Array[CpuidAnswer] = count(BASIC_LEAVES)
    extended: Array[CpuidAnswer] = count(EXTENDED_LEAVES)
    hypervisor: Array[CpuidAnswer] = count(HYPERVISOR_LEAVES)
    absent: CpuidAnswer  # stays zeroed
    cr4_allowed: Field[u64]  # CR4 bits whose features these leaves show
    subleaf_count: Field[u32]
    subleaves: Array[CpuidSubleaf] = count(SUBLEAVES_MAX)

    @fn
    def find(self, leaf: u32) -> CpuidAnswer:
        """The entry of `leaf`, which a guest chooses; `absent` for one that the guest's processor does not have."""
        if leaf < BASIC_LEAVES:
            return self.basic[forget_range(u64(leaf)) & (BASIC_LEAVES - 1)]
        if leaf >= EXTENDED_FIRST and leaf < EXTENDED_FIRST + EXTENDED_LEAVES:
            return self.extended[bounded_index(u64(leaf - EXTENDED_FIRST), u64(EXTENDED_LEAVES))]
        if leaf >= HYPERVISOR_FIRST and leaf < HYPERVISOR_FIRST + HYPERVISOR_LEAVES:
            return self.hypervisor[bounded_index(u64(leaf - HYPERVISOR_FIRST), u64(HYPERVISOR_LEAVES))]
        return self.absent

    @fn
    def find_subleaf(self, leaf: u32, subleaf: u32) -> CpuidAnswer:
        """The entry of a leaf that depends on ECX; `absent` when there is none."""
        for i in range(self.subleaf_count):
            entry = self.subleaves[i]
            if entry.leaf == leaf and entry.subleaf == subleaf:
                return entry.answer
        return self.absent

    @fn
    def add_subleaf(self, leaf: u32, subleaf: u32) -> CpuidAnswer:
        """A new entry to fill; the caller's leaves are bounded by SUBLEAVES_MAX (asserted)."""
        assert self.subleaf_count < SUBLEAVES_MAX
        entry = self.subleaves[self.subleaf_count]
        self.subleaf_count = self.subleaf_count + 1
        entry.leaf = leaf
        entry.subleaf = subleaf
        entry.answer.kind = u32(LeafKind.FIXED)
        return entry.answer


@fn
def has_rdtscp(table: CpuidTable) -> bool:
    """Whether this guest has RDTSCP, and so IA32_TSC_AUX."""
    return table.extended[1].edx & RDTSCP != 0


@fn
def has_ffxsr(table: CpuidTable) -> bool:
    """Whether this guest has fast FXSAVE (AMD), and so EFER.FFXSR."""
    return table.extended[1].edx & FFXSR != 0


@fn
def compacted_state_size(table: CpuidTable, xcr0: u64) -> u32:
    """Bytes of the compacted form for the same components (SDM vol. 1, 13.4.3); supervisor components do not exist."""
    size = u32(LEGACY_AND_HEADER)
    for component in range(u32(2), u32(COMPONENTS_MAX)):
        if (xcr0 >> component) & 1 != 0:
            answer = table.find_subleaf(u32(0xD), component)
            if answer.ecx & ALIGNED != 0:
                size = size.wrapping_add(63) & ~63
            size = size.wrapping_add(answer.eax)
    return size


@fn
def extended_state_size(table: CpuidTable, xcr0: u64) -> u32:
    """Bytes of the standard-form XSAVE area for the components that `xcr0` enables (SDM vol. 1, 13.5.1)."""
    size = u32(LEGACY_AND_HEADER)
    for component in range(u32(2), u32(COMPONENTS_MAX)):
        if (xcr0 >> component) & 1 != 0:
            answer = table.find_subleaf(u32(0xD), component)
            size = max(size, answer.eax.wrapping_add(answer.ebx))
    return size
