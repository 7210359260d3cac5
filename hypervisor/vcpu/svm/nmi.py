"""NMIs: when the guest can take one, and how to hear of it (APM vol. 2, 15.21.4 and 15.21.9).

SVM neither blocks NMIs while a handler runs nor has a window. The IRET that ends a handler is intercepted, but before
it runs; so the guest takes one single step over it, and the #DB that ends the step is the window. The same step leads
over the shadow of STI or MOV SS. An event that is being injected is followed by an interrupt of our own timer: that
ends the guest's turn behind the delivery, before an instruction runs.
"""

from __future__ import annotations

from codegen.lang import Hva, address_of, fn, implements, rdtsc
from hypervisor.cpu.per_cpu import CPU
from hypervisor.time.host_timer import host_timer_arm
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.exit_code import ExitCode
from hypervisor.vcpu.svm.intercepts import IRET
from hypervisor.vcpu.svm.state import save_of, svm_of
from hypervisor.vcpu.vcpu import NMI_WORK, Vcpu

SHADOW = 1
RFLAGS_TF = 1 << 8
DEBUG_EXCEPTION = ExitCode.DEBUG_EXCEPTION.value
DR6_BREAKPOINTS, DR6_SINGLE_STEP = 0xF, 1 << 14


@implements(contract.vcpu_can_take_nmi)
@fn
def vcpu_can_take_nmi(vcpu: Vcpu) -> bool:
    """NMIs are not blocked by an earlier one, nor by a shadow."""
    state = svm_of(vcpu)
    if state.iret_pending and save_of(vcpu).rip != state.iret_rip:
        unblock_nmis(vcpu)
    if vcpu.pending.valid or state.nmi_blocked:
        return False
    return state.vmcb.control.interrupt_shadow & SHADOW == 0


@implements(contract.vcpu_request_nmi_window)
@fn
def vcpu_request_nmi_window(vcpu: Vcpu, wanted: bool) -> None:
    """Leave the guest as soon as it can take an NMI. While one is wanted, each entry is looked at more closely."""
    state = svm_of(vcpu)
    state.nmi_window = wanted
    if not wanted:
        return
    if CPU.current.plain_vcpu == address_of(vcpu):
        CPU.current.plain_vcpu = Hva(0)
    if vcpu.pending.valid:
        host_timer_arm(rdtsc())
    elif state.iret_pending or not state.nmi_blocked:
        begin_step(vcpu)


@fn(noinline=True)
def look_for_nmi_window(vcpu: Vcpu) -> None:
    """After an exit, while a window is wanted: an NMI may be offered again. A #DB is looked at by its decoder."""
    state = svm_of(vcpu)
    if state.vmcb.control.exit_code != DEBUG_EXCEPTION and vcpu_can_take_nmi(vcpu):
        state.nmi_window = False
        vcpu.work.fetch_or(NMI_WORK)


@fn
def block_nmis(vcpu: Vcpu) -> None:
    """An NMI is being delivered: further ones wait for its IRET."""
    state = svm_of(vcpu)
    state.nmi_blocked = True
    state.iret_pending = False
    control = state.vmcb.control
    control.intercept_events = control.intercept_events | IRET


@fn
def unblock_nmis(vcpu: Vcpu) -> None:
    """The handler's IRET has run."""
    state = svm_of(vcpu)
    state.nmi_blocked = False
    state.iret_pending = False


@fn
def see_iret(vcpu: Vcpu) -> None:
    """The handler's IRET is about to run; NMIs stay blocked until RIP has moved on."""
    state = svm_of(vcpu)
    control = state.vmcb.control
    control.intercept_events = control.intercept_events & ~IRET
    state.iret_rip = state.vmcb.save.rip
    state.iret_pending = True
    if state.nmi_window:
        begin_step(vcpu)


@fn
def begin_step(vcpu: Vcpu) -> None:
    """Leave behind the next instruction. A guest that single-steps by itself leaves there anyway. If the instruction
    faults, the step ends when its handler has returned to it."""
    state = svm_of(vcpu)
    save = state.vmcb.save
    if state.stepping or save.rflags & RFLAGS_TF != 0:
        return
    save.rflags = save.rflags | RFLAGS_TF
    state.stepping = True
    state.step_iret = state.iret_pending
    state.step_dr6 = save.dr6


@fn
def end_step(vcpu: Vcpu) -> None:
    """Take the step's marks away. An IRET has loaded TF from the stack: that one is the guest's."""
    state = svm_of(vcpu)
    state.stepping = False
    save = state.vmcb.save
    if state.step_iret:
        unblock_nmis(vcpu)
    else:
        save.rflags = save.rflags & ~RFLAGS_TF
    save.dr6 = save.dr6 & ~DR6_SINGLE_STEP | state.step_dr6 & DR6_SINGLE_STEP


@fn
def step_done(vcpu: Vcpu) -> bool:
    """At a #DB: whether it is only the end of our step. Breakpoints that the same instruction met are the guest's."""
    state = svm_of(vcpu)
    save = state.vmcb.save
    if not state.stepping or save.dr6 & DR6_SINGLE_STEP == 0:
        return False
    met = save.dr6 & DR6_BREAKPOINTS & ~(state.step_dr6 & DR6_BREAKPOINTS)
    end_step(vcpu)
    return met == 0
