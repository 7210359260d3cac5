"""Exits that the host's own interrupts and timers cause, and windows in which the guest can take an event."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.vcpu.contract import vcpu_request_interrupt_window, vcpu_request_nmi_window
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import INTERRUPT_WORK, NMI_WORK, Vcpu


@on_exit(ExitKind.PREEMPTION)
@fn
def preempt(vcpu: Vcpu) -> Resume:
    """A deadline is due: the scheduler advances the VM's timers and chooses who goes on."""
    return Resume.YIELD


@on_exit(ExitKind.HOST_INTERRUPT)
@fn
def host_interrupt(vcpu: Vcpu) -> Resume:
    """The back end has let the host's handler run; console input or output may be waiting."""
    return Resume.YIELD


@on_exit(ExitKind.HOST_NMI)
@fn
def host_nmi(vcpu: Vcpu) -> Resume:
    """The host's NMI handler has run."""
    return Resume.SAME_INSTRUCTION


@on_exit(ExitKind.MACHINE_CHECK)
@fn
def host_machine_check(vcpu: Vcpu) -> Resume:
    """The host's handler has run and found nothing fatal, in the guest or at its entry: go on."""
    return Resume.SAME_INSTRUCTION


@on_exit(ExitKind.NONE)
@fn
def nothing_to_do(vcpu: Vcpu) -> Resume:
    """The back end dealt with the cause itself."""
    return Resume.SAME_INSTRUCTION


@on_exit(ExitKind.INTERRUPT_WINDOW)
@fn
def interrupt_window(vcpu: Vcpu) -> Resume:
    """The guest can take an interrupt now: look again before the next entry."""
    vcpu_request_interrupt_window(vcpu, False)
    vcpu.work.fetch_or(INTERRUPT_WORK)
    return Resume.SAME_INSTRUCTION


@on_exit(ExitKind.NMI_WINDOW)
@fn
def nmi_window(vcpu: Vcpu) -> Resume:
    """The guest can take an NMI now."""
    vcpu_request_nmi_window(vcpu, False)
    vcpu.work.fetch_or(NMI_WORK)
    return Resume.SAME_INSTRUCTION


@on_exit(ExitKind.INIT)
@fn
def host_init(vcpu: Vcpu) -> Resume:
    """The platform signalled INIT to the processor: no guest did, theirs are messages between vCPUs. Go on."""
    return Resume.SAME_INSTRUCTION
