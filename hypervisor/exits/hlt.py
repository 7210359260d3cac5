"""HLT and PAUSE: the guest gives up its turn."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_rflags, vcpu_skip_instruction
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, Vcpu, VcpuState, VcpuWork
from hypervisor.vm.interrupts import ask_for_interrupt, interrupt_pending, raise_nmi, receive_messages
from hypervisor.vm.startup import serve_startup, startup_requested

RFLAGS_IF = 1 << 9


@fn
def can_wake(vcpu: Vcpu) -> bool:
    """Whether HLT ends now: by an interrupt that RFLAGS.IF lets through, an NMI, INIT. If not, `work.interrupt` is
    clear, so that whoever sends something from here on notifies anew."""
    vcpu.work.fetch_and(~INTERRUPT_WORK)
    if receive_messages(vcpu):
        raise_nmi(vcpu)
    if startup_requested(vcpu) or VcpuWork.of(vcpu.work.load()).nmi or interrupts_on(vcpu) and interrupt_pending(vcpu):
        ask_for_interrupt(vcpu)
        return True
    return False


@fn
def answer_messages(vcpu: Vcpu) -> None:
    """For a vCPU that halts or waits, on the processor that it is loaded on: end HLT, obey INIT and STARTUP. If its
    state is still the same, whoever sends something from here on notifies anew."""
    if vcpu.state == VcpuState.HALTED and can_wake(vcpu):
        vcpu.state = VcpuState.RUNNABLE
    elif vcpu.state == VcpuState.WAIT_FOR_STARTUP:
        vcpu.work.fetch_and(~INTERRUPT_WORK)
        if startup_requested(vcpu) and serve_startup(vcpu):
            ask_for_interrupt(vcpu)


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
