"""What INIT does to a processor's registers (SDM vol. 3A, table 10-1; APM vol. 2, table 14-1)."""

from __future__ import annotations

from codegen.lang import Array, Field, Local, Struct, count, fn, len, range, table, u32, u64
from hypervisor.vcpu.contract import (
    vcpu_cr,
    vcpu_read_saved_msr,
    vcpu_reset_registers,
    vcpu_set_cr,
    vcpu_write_saved_msr,
)
from hypervisor.vcpu.power_up import CR0_AT_RESET
from hypervisor.vcpu.vcpu import Vcpu

CACHE_BITS = 3 << 29  # CR0.CD and NW
# SYSENTER, PAT, STAR to SFMASK, KERNEL_GS_BASE. The bases of FS and GS belong to their segments, EFER to the mode.
KEPT_MSRS = table(u32, [0x174, 0x175, 0x176, 0x277, 0xC000_0081, 0xC000_0082, 0xC000_0083, 0xC000_0084, 0xC000_0102])


class Kept(Struct):
    """While the registers are reset."""

    msrs: Array[u64] = count(len(KEPT_MSRS))
    cache_bits: Field[u64]


@fn(cold=True)
def vcpu_init(vcpu: Vcpu) -> None:
    """As after power-up, but for MSRs and the cache bits of CR0, which stay as they are, like extended state and
    TSC."""
    kept = Local(Kept)
    for i in range(u32(len(KEPT_MSRS))):
        kept.msrs[i] = vcpu_read_saved_msr(vcpu, KEPT_MSRS[i])
    kept.cache_bits = vcpu_cr(vcpu, u32(0)) & CACHE_BITS
    vcpu_reset_registers(vcpu)
    for i in range(u32(len(KEPT_MSRS))):
        vcpu_write_saved_msr(vcpu, KEPT_MSRS[i], kept.msrs[i])
    vcpu_set_cr(vcpu, u32(0), u64(CR0_AT_RESET & ~CACHE_BITS) | kept.cache_bits)
