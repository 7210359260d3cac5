"""An exit that nothing answers: the VM stops with a full dump; the host goes on."""

from __future__ import annotations

from codegen.lang import fn
from hypervisor.console.log import log
from hypervisor.exits.inject import inject_undefined_opcode
from hypervisor.exits.registry import Resume, on_exit
from hypervisor.exits.stop import stop_by_shutdown, stop_with_dump
from hypervisor.vcpu.contract import vcpu_audit_entry, vcpu_cpl
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vm.vm import StopReason, may_log


@fn(noinline=True, cold=True)
def stop_on_unhandled_exit(vcpu: Vcpu) -> Resume:
    """An exit that this monitor does not know: #UD if user code did it, else the VM stops. Nothing is ever skipped."""
    user = vcpu_cpl(vcpu) == 3
    if not user or may_log(vcpu.vm):
        exit = vcpu.exit
        reason, detail = exit.hardware_reason, exit.qualification
        log(f"{vcpu.vm.name_span()}: exit {reason:#x} (qualification {detail:#x}) is not handled")
    if user:
        return inject_undefined_opcode(vcpu)
    return stop_with_dump(vcpu, StopReason.CRASHED)


@on_exit(ExitKind.TRIPLE_FAULT)
@fn(noinline=True, cold=True)
def stop_on_triple_fault(vcpu: Vcpu) -> Resume:
    """A shutdown cycle that the processor began."""
    return stop_by_shutdown(vcpu)


@on_exit(ExitKind.ENTRY_FAILED)
@fn(noinline=True, cold=True)
def stop_on_failed_entry(vcpu: Vcpu) -> Resume:
    """The processor refused the guest's state: the auditor names the rule."""
    log(f"{vcpu.vm.name_span()}: VM entry failed, reason {vcpu.exit.hardware_reason:#x}")
    vcpu_audit_entry(vcpu)
    return stop_with_dump(vcpu, StopReason.ENTRY_FAILED)
