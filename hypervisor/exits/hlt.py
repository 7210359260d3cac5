"""HLT and PAUSE: the guest gives up its turn."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_rflags, vcpu_skip_instruction
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu, VcpuState, VcpuWork
from hypervisor.vm.interrupts import interrupt_pending

RFLAGS_IF = 1 << 9


@fn
def can_wake(vcpu: Vcpu) -> bool:
    """Whether HLT ends now: by an interrupt that RFLAGS.IF lets through, or an NMI."""
    if VcpuWork.of(vcpu.work.load()).nmi:
        return True
    return interrupts_on(vcpu) and interrupt_pending(vcpu)


@fn
def interrupts_on(vcpu: Vcpu) -> bool:
    """RFLAGS.IF."""
    return vcpu_rflags(vcpu) & RFLAGS_IF != 0


@on_exit(ExitKind.HLT)
@fn
def halt(vcpu: Vcpu) -> Resume:
    """Sleep until an interrupt is deliverable (SDM vol. 2A, HLT): the instruction is complete when the guest wakes."""
    if can_wake(vcpu):
        return Resume.NEXT_INSTRUCTION
    vcpu_skip_instruction(vcpu)
    vcpu.state = VcpuState.HALTED
    return Resume.YIELD


@on_exit(ExitKind.PAUSE)
@fn
def pause_loop(vcpu: Vcpu) -> Resume:
    """A spin loop was noticed (pause-loop exiting): let another vCPU run."""
    vcpu_skip_instruction(vcpu)
    return Resume.YIELD
