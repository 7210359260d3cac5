"""CPUID: guests see the host's processor, less what Keelback keeps for itself."""

from __future__ import annotations

from codegen.lang import fn, u32, u64, xgetbv
from hypervisor.devices.lapic.state import LapicMode
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_cr
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.cpuid_cores import core_id_bits
from hypervisor.vm.cpuid_table import CpuidAnswer, LeafKind, compacted_state_size, extended_state_size

OSXSAVE_CR4 = 1 << 18
OSXSAVE = 1 << 27
APIC = 1 << 9
XSAVEC = 1 << 1
LEVEL_THREAD = 1
LEVEL_CORE = 2


@on_exit(ExitKind.CPUID)
@fn(inline=True)
def emulate_cpuid(vcpu: Vcpu) -> Resume:
    """Answer CPUID from the VM's table (SDM vol. 2A, CPUID; leaves that hold per-vCPU values are patched)."""
    answer = vcpu.vm.cpuid.find(u32.trunc(vcpu.regs.rax))
    if answer.kind <= u32(LeafKind.FIXED):
        put_answer(vcpu, answer)
        return Resume.NEXT_INSTRUCTION
    return reply_patched(vcpu, answer)


@fn
def put_answer(vcpu: Vcpu, answer: CpuidAnswer) -> None:
    """Put an answer into the registers; the upper halves become zero."""
    regs = vcpu.regs
    regs.rax = u64(answer.eax)
    regs.rbx = u64(answer.ebx)
    regs.rcx = u64(answer.ecx)
    regs.rdx = u64(answer.edx)


@fn(noinline=True)
def reply_patched(vcpu: Vcpu, answer: CpuidAnswer) -> Resume:
    """Leaves with subleaves or with values of this vCPU."""
    regs = vcpu.regs
    leaf = u32.trunc(regs.rax)
    subleaf = u32.trunc(regs.rcx)
    match LeafKind.checked(answer.kind):
        case LeafKind.FEATURES:
            put_answer(vcpu, answer)
            regs.rbx = regs.rbx | u64(vcpu.index) << 24
            if vcpu_cr(vcpu, u32(4)) & OSXSAVE_CR4 != 0:
                regs.rcx = regs.rcx | OSXSAVE
            if vcpu.lapic.mode == LapicMode.DISABLED:
                regs.rdx = regs.rdx & ~APIC
        case LeafKind.TOPOLOGY:
            reply_topology(vcpu, leaf, subleaf)
        case LeafKind.EXTENDED_STATE:
            put_answer(vcpu, vcpu.vm.cpuid.find_subleaf(leaf, subleaf))
            if subleaf == 0:
                regs.rbx = u64(extended_state_size(vcpu.vm.cpuid, xgetbv(u32(0))))
            elif subleaf == 1 and regs.rax & XSAVEC != 0:
                regs.rbx = u64(compacted_state_size(vcpu.vm.cpuid, xgetbv(u32(0))))
        case _:
            put_answer(vcpu, vcpu.vm.cpuid.find_subleaf(leaf, subleaf))
    return Resume.NEXT_INSTRUCTION


@fn
def reply_topology(vcpu: Vcpu, leaf: u32, subleaf: u32) -> None:
    """Leaves 0BH and 1FH: one thread per core, `vcpu_count` cores; leaf 8000001EH: the same for AMD. The APIC ID and
    the core's number are the vCPU's."""
    regs = vcpu.regs
    regs.rax = u64(0)
    regs.rbx = u64(0)
    regs.rcx = u64(subleaf & 0xFF)
    regs.rdx = u64(vcpu.index)
    if leaf >= 0x8000_0000:
        regs.rax = u64(vcpu.index)
        regs.rbx = u64(vcpu.index)
        regs.rcx = u64(0)
        regs.rdx = u64(0)
    elif subleaf == 0:
        regs.rbx = u64(1)
        regs.rcx = u64(LEVEL_THREAD << 8)
    elif subleaf == 1:
        regs.rax = u64(core_id_bits(vcpu.vm.vcpu_count))
        regs.rbx = u64(vcpu.vm.vcpu_count)
        regs.rcx = u64(1 | LEVEL_CORE << 8)
