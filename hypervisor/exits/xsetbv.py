"""XSETBV: the guest chooses which extended states it uses."""

from __future__ import annotations

from codegen.lang import fn, u32, xsetbv
from hypervisor.cpu.xstate import xstate_is_valid
from hypervisor.exits.inject import inject_general_protection
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_cpl
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu


@on_exit(ExitKind.XSETBV)
@fn
def set_extended_control(vcpu: Vcpu) -> Resume:
    """XSETBV with ECX = 0 (SDM vol. 2D); anything hardware would refuse is #GP(0)."""
    value = (vcpu.regs.rdx << 32) | (vcpu.regs.rax & 0xFFFF_FFFF)
    if vcpu_cpl(vcpu) != 0 or u32.trunc(vcpu.regs.rcx) != 0 or not xstate_is_valid(value):
        return inject_general_protection(vcpu)
    vcpu.xcr0 = value
    xsetbv(u32(0), value)
    return Resume.NEXT_INSTRUCTION
