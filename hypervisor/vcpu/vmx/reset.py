"""The guest's state after power-up (SDM vol. 3A, table 10-1), in VMCS terms."""

from __future__ import annotations

from codegen.lang import cpuid, fn, implements, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.event import Event
from hypervisor.vcpu.power_up import CR0_AT_RESET, DR6_AT_RESET, DR7_AT_RESET, PAT_AT_RESET, reset_segments
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.control_registers import vcpu_set_cr
from hypervisor.vcpu.vmx.loaded import give_registers, load
from hypervisor.vcpu.vmx.registers import RFLAGS_ALWAYS_1
from hypervisor.vcpu.vmx.state import vmx_of


@implements(contract.vcpu_reset_registers)
@fn(cold=True)
def vcpu_reset_registers(vcpu: Vcpu) -> None:
    """Registers, segments, MSRs and event state as after power-up. EDX holds the processor's signature."""
    load(vcpu)
    signature, _, _, _ = cpuid(u32(1), u32(0))
    vcpu.regs.zero()
    vcpu.regs.rdx = u64(signature)
    vcpu.pending = Event()
    reset_segments(vcpu)
    fields.GUEST_RIP.write(u64(0xFFF0))
    fields.GUEST_RSP.write(u64(0))
    fields.GUEST_RFLAGS.write(u64(RFLAGS_ALWAYS_1))
    fields.GUEST_DR7.write(u64(DR7_AT_RESET))
    fields.GUEST_EFER.write(u64(0))
    fields.GUEST_PAT.write(u64(PAT_AT_RESET))
    fields.GUEST_DEBUGCTL.write(u64(0))
    fields.GUEST_SYSENTER_CS.write(u32(0))
    fields.GUEST_SYSENTER_ESP.write(u64(0))
    fields.GUEST_SYSENTER_EIP.write(u64(0))
    fields.GUEST_INTERRUPTIBILITY.write(u32(0))
    fields.GUEST_ACTIVITY.write(u32(0))
    fields.GUEST_PENDING_DEBUG.write(u64(0))
    fields.ENTRY_INTERRUPTION.write(u32(0))
    vcpu_set_cr(vcpu, u32(3), u64(0))
    vcpu_set_cr(vcpu, u32(4), u64(0))
    vcpu_set_cr(vcpu, u32(0), u64(CR0_AT_RESET))
    reset_switched(vcpu)


@fn(cold=True)
def reset_switched(vcpu: Vcpu) -> None:
    """The registers that stay in the processor."""
    state = vmx_of(vcpu)
    state.kernel_gs_base = 0
    state.star = 0
    state.lstar = 0
    state.cstar = 0
    state.sfmask = 0
    state.cr2 = 0
    state.dr0 = 0
    state.dr1 = 0
    state.dr2 = 0
    state.dr3 = 0
    state.dr6 = DR6_AT_RESET
    give_registers(state)
