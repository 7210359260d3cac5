"""What this processor says of its speculative execution: weaknesses that it does not have, remedies that it does."""

from __future__ import annotations

from codegen.lang import BitStruct, bit, cpuid, fn, rdmsr, u32, u64
from hypervisor.cpu.features import CPUID_ADDRESS_SIZES, CPUID_EXTENDED, CPUID_STRUCTURED, has_bit

IA32_ARCH_CAPABILITIES = 0x10A
CPUID_EXTENDED_FEATURES_2 = 0x8000_0021
AMD = 0x6874_7541  # "Auth": EBX of leaf 0
HYGON = 0x6F67_7948  # "Hygo"
ZEN_1, HYGON_DHYANA, ZEN_3 = 0x17, 0x18, 0x19  # families


class SpeculationBits(BitStruct, repr=u64):
    """One bit per fact. Names ending in `_no` are the processor's word that a weakness is absent."""

    amd: bool = bit(0)  # AMD or Hygon
    intel: bool = bit(1)  # all others: they follow Intel's enumeration
    zen_1_or_2: bool = bit(2)  # family 17h or 18h
    zen_3_or_4: bool = bit(3)  # family 19h
    rtm: bool = bit(4)  # leaf 7, EBX bit 11
    md_clear: bool = bit(5)  # leaf 7, EDX bit 10: VERW overwrites buffers
    ibrs: bool = bit(6)  # leaf 7, EDX bit 26; AMD: 80000008H, EBX bit 14
    ibpb: bool = bit(7)  # leaf 7, EDX bit 26; AMD: 80000008H, EBX bit 12
    flush_l1d: bool = bit(8)  # leaf 7, EDX bit 28: IA32_FLUSH_CMD
    bhi_control: bool = bit(9)  # leaf 7, subleaf 2, EDX bit 4: SPEC_CTRL.BHI_DIS_S
    rdcl_no: bool = bit(10)  # IA32_ARCH_CAPABILITIES from here on; the bit's number in brackets (0)
    enhanced_ibrs: bool = bit(11)  # (1)
    skip_l1d_flush: bool = bit(12)  # (3)
    mds_no: bool = bit(13)  # (5)
    page_size_change_no: bool = bit(14)  # (6) PSCHANGE_MC_NO
    taa_no: bool = bit(15)  # (8)
    fbsdp_no: bool = bit(16)  # (14)
    fb_clear: bool = bit(17)  # (17)
    bhi_no: bool = bit(18)  # (20)
    pbrsb_no: bool = bit(19)  # (24)
    rfds_no: bool = bit(20)  # (27)
    rfds_clear: bool = bit(21)  # (28)
    btc_no: bool = bit(22)  # AMD, 80000008H, EBX bit 29
    ibpb_ret: bool = bit(23)  # EBX bit 30: IBPB clears the return stack too
    verw_clear: bool = bit(24)  # AMD, 80000021H, EAX bit 5
    automatic_ibrs: bool = bit(25)  # EAX bit 8
    srso_no: bool = bit(26)  # EAX bit 29
    bp_spec_reduce: bool = bit(27)  # EAX bit 31
    tsa_no: bool = bit(28)  # 80000021H, ECX bits 1 and 2


@fn(cold=True)
def read_speculation_bits() -> SpeculationBits:
    """Ask CPUID and, where it exists, IA32_ARCH_CAPABILITIES (SDM vol. 4, table 2-2; APM vol. 3, appendix E)."""
    _, vendor, _, _ = cpuid(u32(0), u32(0))
    if vendor == AMD or vendor == HYGON:
        return read_amd_bits()
    return read_intel_bits()


@fn(cold=True)
def read_intel_bits() -> SpeculationBits:
    """Leaf 7 and IA32_ARCH_CAPABILITIES."""
    known = SpeculationBits(intel=True)
    highest, _, _, _ = cpuid(u32(0), u32(0))
    if highest < CPUID_STRUCTURED:
        return known
    last_subleaf, ebx, _, edx = cpuid(u32(CPUID_STRUCTURED), u32(0))
    known = known.replace(
        rtm=has_bit(ebx, u32(11)),
        md_clear=has_bit(edx, u32(10)),
        ibrs=has_bit(edx, u32(26)),
        ibpb=has_bit(edx, u32(26)),
        flush_l1d=has_bit(edx, u32(28)),
    )
    if last_subleaf >= 2:
        _, _, _, control = cpuid(u32(CPUID_STRUCTURED), u32(2))
        known = known.replace(bhi_control=has_bit(control, u32(4)))
    if has_bit(edx, u32(29)):
        return with_arch_capabilities(known, u32.trunc(rdmsr(u32(IA32_ARCH_CAPABILITIES))))
    return known


@fn(cold=True)
def with_arch_capabilities(known: SpeculationBits, value: u32) -> SpeculationBits:
    """Add what the low half of IA32_ARCH_CAPABILITIES says."""
    return known.replace(
        rdcl_no=has_bit(value, u32(0)),
        enhanced_ibrs=has_bit(value, u32(1)),
        skip_l1d_flush=has_bit(value, u32(3)),
        mds_no=has_bit(value, u32(5)),
        page_size_change_no=has_bit(value, u32(6)),
        taa_no=has_bit(value, u32(8)),
        fbsdp_no=has_bit(value, u32(14)),
        fb_clear=has_bit(value, u32(17)),
        bhi_no=has_bit(value, u32(20)),
        pbrsb_no=has_bit(value, u32(24)),
        rfds_no=has_bit(value, u32(27)),
        rfds_clear=has_bit(value, u32(28)),
    )


@fn(cold=True)
def read_amd_bits() -> SpeculationBits:
    """Leaves 80000008H and 80000021H, and the family."""
    signature, _, _, _ = cpuid(u32(1), u32(0))
    family = ((signature >> 8) & 0xF) + ((signature >> 20) & 0xFF)
    known = SpeculationBits(amd=True, zen_1_or_2=family == ZEN_1 or family == HYGON_DHYANA, zen_3_or_4=family == ZEN_3)
    highest, _, _, _ = cpuid(u32(CPUID_EXTENDED), u32(0))
    if highest >= CPUID_ADDRESS_SIZES:
        _, ebx, _, _ = cpuid(u32(CPUID_ADDRESS_SIZES), u32(0))
        known = known.replace(
            ibpb=has_bit(ebx, u32(12)),
            ibrs=has_bit(ebx, u32(14)),
            btc_no=has_bit(ebx, u32(29)),
            ibpb_ret=has_bit(ebx, u32(30)),
        )
    if highest >= CPUID_EXTENDED_FEATURES_2:
        eax, _, ecx, _ = cpuid(u32(CPUID_EXTENDED_FEATURES_2), u32(0))
        known = known.replace(
            verw_clear=has_bit(eax, u32(5)),
            automatic_ibrs=has_bit(eax, u32(8)),
            srso_no=has_bit(eax, u32(29)),
            bp_spec_reduce=has_bit(eax, u32(31)),
            tsa_no=has_bit(ecx, u32(1)) and has_bit(ecx, u32(2)),
        )
    return known
