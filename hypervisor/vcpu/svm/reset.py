"""The guest's state after power-up (APM vol. 2, table 14-1), in VMCB terms."""

from __future__ import annotations

from codegen.lang import cpuid, fn, implements, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.event import Event
from hypervisor.vcpu.power_up import CR0_AT_RESET, DR6_AT_RESET, DR7_AT_RESET, PAT_AT_RESET, reset_segments
from hypervisor.vcpu.svm.control_registers import EFER_SVME, vcpu_set_cr
from hypervisor.vcpu.svm.intercepts import VIRTUAL_INTERRUPT
from hypervisor.vcpu.svm.loaded import reset_breakpoints
from hypervisor.vcpu.svm.registers import RFLAGS_ALWAYS_1
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from hypervisor.vcpu.vcpu import Vcpu


@implements(contract.vcpu_reset_registers)
@fn(cold=True)
def vcpu_reset_registers(vcpu: Vcpu) -> None:
    """Registers, segments, MSRs and event state as after power-up. EDX holds the processor's signature."""
    state = svm_of(vcpu)
    signature, _, _, _ = cpuid(u32(1), u32(0))
    vcpu.regs.zero()
    vcpu.regs.rdx = u64(signature)
    vcpu.pending = Event()
    state.nmi_blocked = False
    state.nmi_window = False
    state.iret_pending = False
    state.stepping = False
    save = state.vmcb.save
    save.zero()
    save.efer = EFER_SVME
    save.cr0 = CR0_AT_RESET
    vcpu_set_cr(vcpu, u32(4), u64(0))
    save.dr6 = DR6_AT_RESET
    save.dr7 = DR7_AT_RESET
    save.rflags = RFLAGS_ALWAYS_1
    save.rip = 0xFFF0
    save.pat = PAT_AT_RESET
    control = state.vmcb.control
    control.virtual_interrupt = VirtualInterrupt(masking=True)
    control.intercept_events = control.intercept_events & ~VIRTUAL_INTERRUPT
    control.interrupt_shadow = 0
    control.event_injection = 0
    control.exit_interrupt_info = 0
    reset_segments(vcpu)
    reset_breakpoints(vcpu)
