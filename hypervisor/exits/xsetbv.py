"""XSETBV: the guest chooses which extended states it uses."""

from __future__ import annotations

from codegen.lang import fn, u32, u64, xsetbv
from hypervisor.cpu.xstate import XSTATE
from hypervisor.exits.inject import inject_general_protection
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_cpl
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu

X87 = 1 << 0
SSE = 1 << 1
AVX = 1 << 2
AVX512 = 7 << 5


@fn
def xcr0_is_valid(value: u64, supported: u64) -> bool:
    """The rules of SDM vol. 1, 13.3: x87 always, AVX needs SSE, AVX-512's three go together and need AVX."""
    if value & ~supported != 0 or value & X87 == 0:
        return False
    if value & AVX != 0 and value & SSE == 0:
        return False
    wide = value & AVX512
    return wide == 0 or (wide == AVX512 and value & AVX != 0)


@on_exit(ExitKind.XSETBV)
@fn
def set_extended_control(vcpu: Vcpu) -> Resume:
    """XSETBV with ECX = 0 (SDM vol. 2D); anything hardware would refuse is #GP(0)."""
    value = (vcpu.regs.rdx << 32) | (vcpu.regs.rax & 0xFFFF_FFFF)
    if vcpu_cpl(vcpu) != 0 or u32.trunc(vcpu.regs.rcx) != 0 or not xcr0_is_valid(value, XSTATE.supported):
        return inject_general_protection(vcpu)
    vcpu.xcr0 = value
    xsetbv(u32(0), value)
    return Resume.NEXT_INSTRUCTION
