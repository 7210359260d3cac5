"""RDMSR and WRMSR."""

from __future__ import annotations

from codegen.lang import fn, intrinsic, rdmsr, u32, u64, wrmsr
from tests.guests.check import check, checks_of
from tests.guests.trapped import came, expect, nothing_came

APIC_BASE, PAT, EFER = 0x1B, 0x277, 0xC000_0080
FS_BASE, GS_BASE, KERNEL_GS_BASE, LSTAR = 0xC000_0100, 0xC000_0101, 0xC000_0102, 0xC000_0082
SYSENTER_EIP = 0x176
UNKNOWN = 0x1234_5678
VMX_BASIC = 0x480
VM_HSAVE_PA = 0xC001_0117
LMA = 1 << 10
INSTRUCTION = 2  # bytes of RDMSR and WRMSR
GP = 13
CANONICAL = 0xFFFF_8000_1234_5000
NON_CANONICAL = 0x8000_0000_0000


@intrinsic("rdmsr", "={ax},={dx},{cx},0,1,~{memory}")
def rdmsr_over(msr: u32, low: u64, high: u64) -> tuple[u64, u64]:
    """RDMSR with EAX and EDX set before, to see whether they change."""
    raise NotImplementedError


@intrinsic("swapgs", "~{memory}")
def swapgs() -> None:
    """Exchange GS_BASE and KERNEL_GS_BASE."""
    raise NotImplementedError


@fn
def refuses_read(msr: u32) -> bool:
    """#GP(0), registers as before."""
    expect(u64(INSTRUCTION))
    low, high = rdmsr_over(msr, u64(0x1111_2222_3333_4444), u64(0x5555_6666_7777_8888))
    return came(u32(GP), u64(0)) and low == 0x1111_2222_3333_4444 and high == 0x5555_6666_7777_8888


@fn
def refuses_write(msr: u32, value: u64) -> bool:
    expect(u64(INSTRUCTION))
    wrmsr(msr, value)
    return came(u32(GP), u64(0))


@fn
def keeps(msr: u32, value: u64) -> bool:
    """Reads back what is written; the old value is restored."""
    old = rdmsr(msr)
    wrmsr(msr, value)
    found = rdmsr(msr)
    wrmsr(msr, old)
    return found == value


@check
@fn
def the_apic_base_is_where_it_always_is() -> bool:
    expect(u64(INSTRUCTION))
    base = rdmsr(u32(APIC_BASE))
    return nothing_came() and base & ~0xFFF == 0xFEE0_0000 and base & 0x100 != 0


@check
@fn
def an_unknown_msr_faults_and_leaves_the_registers() -> bool:
    return refuses_read(u32(UNKNOWN)) and refuses_write(u32(UNKNOWN), u64(0))


@check
@fn
def the_hosts_virtualization_msrs_do_not_exist() -> bool:
    return refuses_read(u32(VMX_BASIC)) and refuses_read(u32(VM_HSAVE_PA))


@check
@fn
def efer_shows_long_mode() -> bool:
    return rdmsr(u32(EFER)) & LMA != 0


@check
@fn
def efer_refuses_reserved_bits() -> bool:
    return refuses_write(u32(EFER), u64(1) << 63)


@check
@fn
def segment_bases_and_system_call_targets_are_kept() -> bool:
    return (
        keeps(u32(FS_BASE), u64(CANONICAL))
        and keeps(u32(KERNEL_GS_BASE), u64(CANONICAL))
        and keeps(u32(LSTAR), u64(CANONICAL))
        and keeps(u32(SYSENTER_EIP), u64(CANONICAL))
    )


@check
@fn
def an_address_that_is_not_canonical_faults() -> bool:
    return (
        refuses_write(u32(FS_BASE), u64(NON_CANONICAL))
        and refuses_write(u32(KERNEL_GS_BASE), u64(NON_CANONICAL))
        and refuses_write(u32(LSTAR), u64(NON_CANONICAL))
    )


@check
@fn
def the_pat_is_kept_and_refuses_unknown_types() -> bool:
    return keeps(u32(PAT), u64(0x0007_0106_0007_0406)) and refuses_write(u32(PAT), u64(2))


@check
@fn
def swapgs_exchanges_the_bases() -> bool:
    old = rdmsr(u32(GS_BASE))
    wrmsr(u32(KERNEL_GS_BASE), u64(CANONICAL))
    swapgs()
    found = rdmsr(u32(GS_BASE))
    swapgs()
    return found == CANONICAL and rdmsr(u32(GS_BASE)) == old


CHECKS = checks_of(globals())
