"""MSRs that are part of the guest's own state in the VMCS or VMCB, EFER and PAT among them."""

from __future__ import annotations

from codegen.lang import fn, static, u32, u64, wrmsr
from hypervisor.exits.canonical import is_canonical
from hypervisor.exits.msr.policy import msr
from hypervisor.vcpu.contract import vcpu_cr, vcpu_efer, vcpu_read_saved_msr, vcpu_set_efer, vcpu_write_saved_msr
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.cpuid_table import has_ffxsr, has_rdtscp

SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
DEBUGCTL, PAT = 0x1D9, 0x277
EFER, STAR, LSTAR, CSTAR, SFMASK = 0xC000_0080, 0xC000_0081, 0xC000_0082, 0xC000_0083, 0xC000_0084
FS_BASE, GS_BASE, KERNEL_GS_BASE = 0xC000_0100, 0xC000_0101, 0xC000_0102
TSC_AUX = 0xC000_0103

EFER_SCE, EFER_LME, EFER_LMA, EFER_NXE, EFER_FFXSR = 1 << 0, 1 << 8, 1 << 10, 1 << 11, 1 << 14
EFER_WRITABLE = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE
CR0_PG = 1 << 31


@fn
def read_saved(vcpu: Vcpu, number: u32) -> u64 | None:
    """As the guest's state holds it."""
    return vcpu_read_saved_msr(vcpu, number)


@fn
def write_plain(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Any value is legal."""
    vcpu_write_saved_msr(vcpu, number, value)
    return True


@fn
def write_address(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """The value must be a canonical address (XSA-193)."""
    if not is_canonical(value):
        return False
    vcpu_write_saved_msr(vcpu, number, value)
    return True


@fn
def write_low_half(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """32 bits count; the upper half is ignored."""
    vcpu_write_saved_msr(vcpu, number, value & 0xFFFF_FFFF)
    return True


@fn
def read_efer(vcpu: Vcpu, number: u32) -> u64 | None:
    """EFER as the guest sees it."""
    return vcpu_efer(vcpu)


@fn
def write_efer(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Reserved bits and a change of LME under paging are #GP (SDM vol. 3A, 4.1.2; APM vol. 2, 3.1.7). LMA is not
    writable."""
    writable = u64(EFER_WRITABLE | EFER_FFXSR) if has_ffxsr(vcpu.vm.cpuid) else u64(EFER_WRITABLE)
    if value & ~writable != 0:
        return False
    old = vcpu_efer(vcpu)
    if (old ^ value) & EFER_LME != 0 and vcpu_cr(vcpu, u32(0)) & CR0_PG != 0:
        return False
    vcpu_set_efer(vcpu, value & ~EFER_LMA | old & EFER_LMA)
    return True


@fn
def pat_is_valid(value: u64) -> bool:
    """Eight memory types, each of 0, 1, 4, 5, 6, 7 (SDM vol. 3A, 12.12.2)."""
    for shift in static(range(0, 64, 8)):
        kind = (value >> shift) & 0xFF
        if kind > 7 or kind == 2 or kind == 3:
            return False
    return True


@fn
def write_pat(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """IA32_PAT: refused unless every entry is a memory type."""
    if not pat_is_valid(value):
        return False
    vcpu_write_saved_msr(vcpu, number, value)
    return True


@fn
def write_debug_control(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """LBR and BTF (bits 0 and 1) are accepted and have no effect: the guest has no branch records."""
    return value & ~3 == 0


@fn
def read_zero(vcpu: Vcpu, number: u32) -> u64 | None:
    """Nothing is recorded."""
    return u64(0)


@fn
def read_tsc_aux(vcpu: Vcpu, number: u32) -> u64 | None:
    """What RDTSCP and RDPID return."""
    return vcpu.tsc_aux


@fn
def write_tsc_aux(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """32 bits; the upper half is reserved. The real register holds the guest's value while its vCPU is loaded."""
    if value > 0xFFFF_FFFF or not has_rdtscp(vcpu.vm.cpuid):
        return False
    wrmsr(u32(TSC_AUX), value)
    vcpu.tsc_aux = value
    return True


msr(SYSENTER_CS, read_saved, write_low_half)
msr(SYSENTER_ESP, read_saved, write_address, count=2)
msr(DEBUGCTL, read_zero, write_debug_control)
msr(PAT, read_saved, write_pat)
msr(EFER, read_efer, write_efer)
msr(STAR, read_saved, write_plain)
msr(LSTAR, read_saved, write_address, count=2)
msr(SFMASK, read_saved, write_low_half)
msr(FS_BASE, read_saved, write_address, count=3)
msr(TSC_AUX, read_tsc_aux, write_tsc_aux)
