"""Making a vCPU: its VMCB and the controls that never change."""

from __future__ import annotations

from codegen.lang import Hpa, address_of, fn, implements, phys, u32
from hypervisor.cpu.mitigations import MITIGATIONS
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.asid import give_up_asid
from hypervisor.vcpu.svm.intercepts import EVENTS, EXCEPTIONS, SVM_INSTRUCTIONS
from hypervisor.vcpu.svm.permission_maps import IOPM_BYTES
from hypervisor.vcpu.svm.reset import vcpu_reset_registers
from hypervisor.vcpu.svm.state import MAPS, svm_of
from hypervisor.vcpu.svm.vmcb import Vmcb
from hypervisor.vcpu.vcpu import Vcpu

FRAME = 4096


@implements(contract.vcpu_create)
@fn(cold=True)
def vcpu_create(vcpu: Vcpu, frames: Hpa, root: Hpa) -> None:
    """The VMCB in the first of `frames`, the monitor's VMSAVE area in the second."""
    state = svm_of(vcpu)
    state.zero()
    state.vmcb_physical = frames
    state.vmcb = phys(Vmcb, frames)
    state.vmcb_address = address_of(state.vmcb)
    state.host_physical = frames + FRAME
    give_up_asid(state)
    state.guards = u32(MITIGATIONS.guards)
    control = state.vmcb.control
    control.intercept_exceptions = EXCEPTIONS
    control.intercept_events = EVENTS
    control.intercept_svm = SVM_INSTRUCTIONS
    control.iopm = MAPS.base
    control.msrpm = MAPS.base + IOPM_BYTES
    control.nested_paging = 1
    control.nested_cr3 = root
    vcpu_reset_registers(vcpu)
