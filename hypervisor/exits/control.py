"""Control and debug registers, cache and TLB instructions: validated as the processor would."""

from __future__ import annotations

from codegen.lang import fn, u32, u64, wbinvd
from hypervisor.exits.decode.registers import read_whole, write_whole
from hypervisor.exits.inject import inject_general_protection
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_cr, vcpu_efer, vcpu_flush_tlb, vcpu_set_cr
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.segments import runs_64_bit_code
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.lapic_window import read_task_priority, write_task_priority

CR0_PE, CR0_MP, CR0_EM, CR0_TS, CR0_ET, CR0_NE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
CR0_WP, CR0_AM, CR0_NW, CR0_CD, CR0_PG = 1 << 16, 1 << 18, 1 << 29, 1 << 30, 1 << 31
CR0_DEFINED = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG
LMSW_BITS = CR0_PE | CR0_MP | CR0_EM | CR0_TS
CR4_PAE, CR4_PGE, CR4_PCIDE = 1 << 5, 1 << 7, 1 << 17
EFER_LME, EFER_LMA = 1 << 8, 1 << 10


@on_exit(ExitKind.CR_ACCESS)
@fn
def access_control_register(vcpu: Vcpu) -> Resume:
    """MOV to and from CR0, CR3, CR4 and CR8, CLTS and LMSW (SDM vol. 2B, MOV—Move to/from Control Registers)."""
    access = vcpu.exit.control_register
    if access.is_clts:
        return write_cr0(vcpu, vcpu_cr(vcpu, u32(0)) & ~CR0_TS)
    if access.is_lmsw:
        old = vcpu_cr(vcpu, u32(0))
        new = old & ~(CR0_MP | CR0_EM | CR0_TS) | u64(access.lmsw_source) & LMSW_BITS  # LMSW cannot clear PE
        return write_cr0(vcpu, new)
    number = u32(access.register)
    if not access.is_write:
        value = read_task_priority(vcpu) if number == 8 else vcpu_cr(vcpu, number)
        write_whole(vcpu, u32(access.gpr), value)
        return Resume.NEXT_INSTRUCTION
    value = read_whole(vcpu, u32(access.gpr))
    if vcpu_efer(vcpu) & EFER_LMA == 0:
        value = value & 0xFFFF_FFFF
    if number == 0:
        return write_cr0(vcpu, value)
    if number == 4:
        return write_cr4(vcpu, value)
    if number == 8:
        return write_cr8(vcpu, value)
    return write_cr3(vcpu, value)


@fn
def cr0_is_valid(value: u64, old: u64, cr4: u64, efer: u64) -> bool:
    """SDM vol. 3A, 2.5: reserved upper half, PG needs PE, NW needs CD, long mode needs PAE."""
    if value >> 32 != 0:
        return False
    if value & CR0_PG != 0 and value & CR0_PE == 0:
        return False
    if value & CR0_NW != 0 and value & CR0_CD == 0:
        return False
    if value & CR0_PG != 0 and old & CR0_PG == 0 and efer & EFER_LME != 0 and cr4 & CR4_PAE == 0:
        return False
    return not (value & CR0_PG == 0 and cr4 & CR4_PCIDE != 0)


@fn
def write_cr0(vcpu: Vcpu, value: u64) -> Resume:
    """CR0: ET reads as one, undefined bits are ignored."""
    old = vcpu_cr(vcpu, u32(0))
    if not cr0_is_valid(value, old, vcpu_cr(vcpu, u32(4)), vcpu_efer(vcpu)):
        return inject_general_protection(vcpu)
    if old & ~value & CR0_PG != 0 and runs_64_bit_code(vcpu):
        return inject_general_protection(vcpu)
    vcpu_set_cr(vcpu, u32(0), value & CR0_DEFINED | CR0_ET)
    if (old ^ value) & (CR0_PG | CR0_WP) != 0:
        vcpu_flush_tlb(vcpu)
    return Resume.NEXT_INSTRUCTION


@fn
def write_cr3(vcpu: Vcpu, value: u64) -> Resume:
    """CR3: bits beyond the physical address are #GP in long mode."""
    if value >> 52 != 0:
        return inject_general_protection(vcpu)
    vcpu_set_cr(vcpu, u32(3), value)
    vcpu_flush_tlb(vcpu)
    return Resume.NEXT_INSTRUCTION


@fn
def write_cr4(vcpu: Vcpu, value: u64) -> Resume:
    """CR4: only bits whose feature CPUID shows; PAE stays on in long mode."""
    if value & ~vcpu.vm.cpuid.cr4_allowed != 0:
        return inject_general_protection(vcpu)
    if vcpu_efer(vcpu) & EFER_LMA != 0 and value & CR4_PAE == 0:
        return inject_general_protection(vcpu)
    vcpu_set_cr(vcpu, u32(4), value)
    vcpu_flush_tlb(vcpu)
    return Resume.NEXT_INSTRUCTION


@fn
def write_cr8(vcpu: Vcpu, value: u64) -> Resume:
    """CR8: the task priority of the local APIC, bits 7:4."""
    if value > 15:
        return inject_general_protection(vcpu)
    write_task_priority(vcpu, value)
    return Resume.NEXT_INSTRUCTION


@on_exit(ExitKind.WBINVD)
@fn
def write_back_caches(vcpu: Vcpu) -> Resume:
    """WBINVD, and INVD as if it were WBINVD: a guest must not drop other people's dirty lines."""
    wbinvd()
    return Resume.NEXT_INSTRUCTION


@on_exit(ExitKind.INVLPG)
@fn
def invalidate_page(vcpu: Vcpu) -> Resume:
    """Only where a back end must intercept it: everything goes."""
    vcpu_flush_tlb(vcpu)
    return Resume.NEXT_INSTRUCTION
