"""MSRs that always read the same and whose writes are ignored: what Linux and others look at without a fault
handler."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.exits.msr.policy import Reader, msr
from hypervisor.vcpu.vcpu import Vcpu


@fn
def ignore_write(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Accepted, without effect."""
    return True


@fn
def refuse_write(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """A read-only MSR: #GP."""
    return False


def constant(value: int) -> Reader:
    """A reader that answers `value`."""

    @fn
    def read_constant(vcpu: Vcpu, number: u32) -> u64 | None:
        return u64(value)

    return read_constant


ZERO = constant(0)

msr(0x00, ZERO, ignore_write, count=2)  # IA32_P5_MC_ADDR, IA32_P5_MC_TYPE
msr(0x17, ZERO, refuse_write)  # IA32_PLATFORM_ID
msr(0x2A, ZERO, ignore_write)  # EBL_CR_POWERON
msr(0x33, ZERO, ignore_write)  # TEST_CTL
msr(0x34, ZERO, refuse_write)  # SMI count
msr(0x3A, constant(1), refuse_write)  # IA32_FEATURE_CONTROL: locked, VMX off
msr(0x79, ZERO, ignore_write)  # IA32_BIOS_UPDT_TRIG
msr(0x8B, constant(0x1_0000_0000), ignore_write)  # IA32_BIOS_SIGN_ID: microcode revision 1
msr(0xCD, constant(3), refuse_write)  # FSB frequency
msr(0xCE, ZERO, refuse_write)  # PLATFORM_INFO
msr(0x10A, ZERO, refuse_write)  # IA32_ARCH_CAPABILITIES: nothing promised
msr(0x119, ZERO, ignore_write)  # BBL_CR_CTL
msr(0x11E, constant(0xBE70_2111), ignore_write)  # BBL_CR_CTL3
msr(0x140, ZERO, ignore_write)  # MISC_FEATURES_ENABLES
msr(0x179, ZERO, refuse_write)  # IA32_MCG_CAP: no banks
msr(0x186, ZERO, ignore_write, count=4)  # IA32_PERFEVTSEL
msr(0xC1, ZERO, ignore_write, count=4)  # IA32_PMC
msr(0x198, ZERO, ignore_write, count=2)  # IA32_PERF_STATUS, IA32_PERF_CTL
msr(0x19A, ZERO, ignore_write, count=3)  # clock modulation and thermal interrupt, status
msr(0x1A2, ZERO, ignore_write)  # TEMPERATURE_TARGET
msr(0x1A4, ZERO, ignore_write)  # MISC_FEATURE_CONTROL
msr(0x1B0, ZERO, ignore_write, count=3)  # energy bias, package thermal status
msr(0x1C8, ZERO, ignore_write)  # LBR_SELECT
msr(0x1C9, ZERO, ignore_write)  # LASTBRANCH_TOS
msr(0x345, ZERO, refuse_write)  # IA32_PERF_CAPABILITIES
msr(0x38D, ZERO, ignore_write, count=4)  # fixed counters
msr(0xC001_0000, ZERO, ignore_write, count=8)  # AMD PERFEVTSEL and PERFCTR
msr(0xC001_0010, ZERO, ignore_write)  # SYSCFG
msr(0xC001_0015, constant(1 << 24), ignore_write)  # HWCR: TSC runs at P0 frequency
msr(0xC001_001B, ZERO, ignore_write)  # northbridge configuration: no extended features
msr(0xC001_001D, ZERO, ignore_write)  # TOP_MEM2
msr(0xC001_001F, ZERO, ignore_write)  # NB_CFG
msr(0xC001_0055, ZERO, ignore_write)  # interrupt pending message
msr(0xC001_0061, ZERO, refuse_write)  # P-state limit
msr(0xC001_0064, ZERO, refuse_write, count=8)  # P-states
msr(0xC001_0111, ZERO, ignore_write, count=5)  # SMM base and masks; VM_CR
msr(0xC001_0140, ZERO, ignore_write, count=2)  # OSVW: no erratum needs a workaround
msr(0xC001_1004, ZERO, ignore_write, count=2)  # CPUID override
msr(0xC001_1020, ZERO, ignore_write, count=16)  # LS_CFG … DE_CFG (LFENCE serialising is our host's business), BU_CFG
