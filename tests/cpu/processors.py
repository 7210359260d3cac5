"""What real processors answer: the leaves and MSRs that decide about mitigations and machine checks, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.lang import host

INTEL = (0x756E_6547, 0x6C65_746E, 0x4965_6E69)  # EBX, ECX, EDX of leaf 0
AMD = (0x6874_7541, 0x444D_4163, 0x6974_6E65)


@dataclass(frozen=True)
class Processor:
    """CPUID signature and features, by register and leaf; `arch_capabilities` is None where the MSR is absent."""

    vendor: tuple[int, int, int]
    signature: int
    leaf_7_ebx: int = 0
    leaf_7_edx: int = 0
    leaf_7_2_edx: int = 0
    arch_capabilities: int | None = None
    extended_8_ebx: int = 0
    extended_21: tuple[int, int] = (0, 0)  # EAX, ECX
    msrs: dict[int, int] = field(default_factory=dict)

    def install(self) -> None:
        """Make it the host model's processor."""
        ebx, ecx, edx = self.vendor
        is_amd = self.vendor is AMD
        present = 1 << 29 if self.arch_capabilities is not None else 0
        host.cpu.cpuid_leaves.update(
            {
                (0, 0): (0x16, ebx, ecx, edx),
                (1, 0): (self.signature, 0, 0, 1 << 7 | 1 << 14),
                (7, 0): (2, self.leaf_7_ebx, 0, self.leaf_7_edx | present),
                (7, 2): (0, 0, 0, self.leaf_7_2_edx),
                (0x8000_0000, 0): (0x8000_0021 if is_amd else 0x8000_0008, 0, 0, 0),
                (0x8000_0008, 0): (0x3030, self.extended_8_ebx, 0, 0),
                (0x8000_0021, 0): (self.extended_21[0], 0, self.extended_21[1], 0),
            }
        )
        host.cpu.msrs.update({0x48: 0, 0x49: 0, 0x10B: 0, 0xC000_0080: 0x500, 0xC001_102E: 0, **self.msrs})
        if self.arch_capabilities is not None:
            host.cpu.msrs[0x10A] = self.arch_capabilities


RTM = 1 << 11
MD_CLEAR, IBRS_IBPB, STIBP, L1D_FLUSH, SSBD = 1 << 10, 1 << 26, 1 << 27, 1 << 28, 1 << 31
MICROCODE_2019 = MD_CLEAR | IBRS_IBPB | STIBP | L1D_FLUSH | SSBD

PROCESSORS = {
    "Skylake-X, microcode of 2017": Processor(INTEL, 0x50654, leaf_7_ebx=RTM),
    "Skylake-X": Processor(INTEL, 0x50654, leaf_7_ebx=RTM, leaf_7_edx=MICROCODE_2019),
    # RDCL_NO, IBRS_ALL, SKIP_L1DFL_VMENTRY, MDS_NO, PSCHANGE_MC_NO, TAA_NO, FB_CLEAR
    "Ice Lake": Processor(INTEL, 0x606A6, leaf_7_edx=MICROCODE_2019, arch_capabilities=0x2016B),
    # the same, with SBDR_SSDP_NO, FBSDP_NO, PSDP_NO, BHI_CTRL and PBRSB_NO
    "Sapphire Rapids": Processor(
        INTEL, 0x806F8, leaf_7_edx=MICROCODE_2019, leaf_7_2_edx=1 << 4, arch_capabilities=0x100_E16B
    ),
    "EPYC (Zen 1), old microcode": Processor(AMD, 0x80_0F12),
    "EPYC (Zen 1)": Processor(AMD, 0x80_0F12, extended_8_ebx=1 << 12),
    "Zen 3": Processor(AMD, 0xA2_0F10, extended_8_ebx=1 << 12 | 1 << 14 | 1 << 29, extended_21=(1 << 28 | 1 << 5, 0)),
    "Zen 4": Processor(
        AMD,
        0xA6_0F12,
        extended_8_ebx=1 << 12 | 1 << 14 | 1 << 29 | 1 << 30,
        extended_21=(1 << 8 | 1 << 28 | 1 << 5, 0),
    ),
    "Zen 5": Processor(
        AMD,
        0xB4_0F40,
        extended_8_ebx=1 << 12 | 1 << 14 | 1 << 29 | 1 << 30,
        extended_21=(1 << 8 | 1 << 31 | 1 << 30, 1 << 1 | 1 << 2),
    ),
}
