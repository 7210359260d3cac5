"""Machine-check status and MISC_ENABLE: values of the vCPU without an effect outside it."""

from __future__ import annotations

from codegen.lang import fn, u32, u64
from hypervisor.exits.msr.policy import msr
from hypervisor.vcpu.vcpu import Vcpu

MCG_STATUS, MISC_ENABLE = 0x17A, 0x1A0
MISC_ENABLE_WRITABLE = 1 << 0 | 1 << 7 | 1 << 11 | 1 << 12 | 1 << 16 | 1 << 18 | 1 << 22 | 1 << 34
MISC_ENABLE_NO_BRANCH_TRACE = 1 << 11 | 1 << 12  # BTS and PEBS are unavailable


@fn
def read_machine_check_status(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_MCG_STATUS: no machine check is ever in progress unless the guest wrote so."""
    return vcpu.msrs.mcg_status


@fn
def write_machine_check_status(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """RIPV, EIPV and MCIP."""
    if value & ~7 != 0:
        return False
    vcpu.msrs.mcg_status = value
    return True


@fn
def read_misc_enable(vcpu: Vcpu, number: u32) -> u64 | None:
    """IA32_MISC_ENABLE."""
    return vcpu.msrs.misc_enable | MISC_ENABLE_NO_BRANCH_TRACE


@fn
def write_misc_enable(vcpu: Vcpu, number: u32, value: u64) -> bool:
    """Known bits are kept; none has an effect."""
    vcpu.msrs.misc_enable = value & MISC_ENABLE_WRITABLE
    return True


msr(MCG_STATUS, read_machine_check_status, write_machine_check_status)
msr(MISC_ENABLE, read_misc_enable, write_misc_enable)
