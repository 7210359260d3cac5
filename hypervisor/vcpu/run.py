"""The run loop of one vCPU: enter, dispatch the exit, and once more, until it has to leave."""

from __future__ import annotations

from codegen.lang import fn, static, u8, u32
from hypervisor import profile
from hypervisor.cpu.per_cpu import CPU
from hypervisor.devices.lapic.priority import NO_VECTOR
from hypervisor.exits.registry import Resume
from hypervisor.exits.table import answer_exit
from hypervisor.memory.translations import may_enter
from hypervisor.vcpu.contract import (
    vcpu_can_take_interrupt,
    vcpu_can_take_nmi,
    vcpu_request_interrupt_window,
    vcpu_request_nmi_window,
    vcpu_run,
    vcpu_set_deadline,
    vcpu_skip_instruction,
)
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.running_on import forget_stale
from hypervisor.vcpu.vcpu import Vcpu, VcpuState, VcpuWork
from hypervisor.vm.interrupts import interrupt_pending, receive_messages, take_interrupt
from hypervisor.vm.startup import serve_startup, startup_requested

NMI_VECTOR = 2
LEAVING = u32(VcpuWork(serve=True, reschedule=True))


@fn(hot=True, noinline=True)
def run_slice(vcpu: Vcpu) -> None:
    """Run until the vCPU halts, is preempted, or its VM stops. `vcpu.deadline` bounds the time in the guest."""
    while True:
        if vcpu.work.load() != 0 and not prepare_entry(vcpu):
            return
        if static(profile.DEBUG):
            assert may_enter(vcpu.vm.translations, CPU.current.index)
        resume = answer_exit(vcpu, vcpu_run(vcpu))
        if resume == Resume.NEXT_INSTRUCTION:
            vcpu_skip_instruction(vcpu)
        elif resume == Resume.YIELD:
            return


@fn(noinline=True)
def prepare_entry(vcpu: Vcpu) -> bool:
    """Everything that `work` names; False when the vCPU must not be entered now."""
    if vcpu.state != VcpuState.RUNNABLE:
        return False
    work = VcpuWork.of(vcpu.work.exchange(u32(0)))
    if work.serve or work.reschedule:
        vcpu.work.fetch_or(u32(work) & ~u32(LEAVING))  # the rest is for the next entry
        return False
    if work.tlb_flush:
        forget_stale(vcpu.vm)
    if work.deadline:
        vcpu_set_deadline(vcpu, vcpu.deadline)
    nmi = work.nmi
    if work.interrupt:
        if receive_messages(vcpu):
            nmi = True
        if startup_requested(vcpu) and serve_startup(vcpu):
            return vcpu.state == VcpuState.RUNNABLE
    if nmi:
        offer_nmi(vcpu)
    if work.interrupt:
        offer_interrupt(vcpu)
    return True


@fn
def offer_nmi(vcpu: Vcpu) -> None:
    """Inject an NMI now, or as soon as the guest can take it."""
    if not vcpu.pending.valid and vcpu_can_take_nmi(vcpu):
        vcpu.pending = Event(vector=u8(NMI_VECTOR), type=EventType.NMI, valid=True)
    else:
        vcpu_request_nmi_window(vcpu, True)


@fn
def offer_interrupt(vcpu: Vcpu) -> None:
    """Inject the highest pending interrupt now; ask for a window when it, or one more, has to wait."""
    if not interrupt_pending(vcpu):
        return
    if not vcpu.pending.valid and vcpu_can_take_interrupt(vcpu):
        vector = take_interrupt(vcpu)
        if vector != NO_VECTOR:
            vcpu.pending = Event(vector=u8.trunc(vector), type=EventType.INTERRUPT, valid=True)
        if not interrupt_pending(vcpu):
            return
    vcpu_request_interrupt_window(vcpu, True)
