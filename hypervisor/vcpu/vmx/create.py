"""Making a vCPU: its frames, its VMCS and the controls that never change."""

from __future__ import annotations

from codegen.lang import Hpa, fn, implements, phys, u16, u32, u64
from hypervisor.cpu.mitigations import MITIGATIONS
from hypervisor.vcpu import contract
from hypervisor.vcpu.event import Vector
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.bitmap_msr import fill_msr_bitmap
from hypervisor.vcpu.vmx.control_registers import CR0_GUEST_OWNED, CR4_GUEST_OWNED
from hypervisor.vcpu.vmx.enable import VmxRegion
from hypervisor.vcpu.vmx.ept import ept_pointer
from hypervisor.vcpu.vmx.instructions import vmclear
from hypervisor.vcpu.vmx.loaded import load
from hypervisor.vcpu.vmx.reset import vcpu_reset_registers
from hypervisor.vcpu.vmx.state import FEATURES, vmx_of

NO_LINK = 0xFFFF_FFFF_FFFF_FFFF

# #DB and #AC leave the guest because a guest can make their delivery raise them again, for ever (CVE-2015-5307,
# CVE-2015-8104); #MC because machine checks are the host's.
EXCEPTIONS = 1 << Vector.DB.value | 1 << Vector.AC.value | 1 << Vector.MC.value


@implements(contract.vcpu_create)
@fn(cold=True)
def vcpu_create(vcpu: Vcpu, frames: Hpa, root: Hpa) -> None:
    """Build the VMCS in the first of `frames` and the MSR bitmap in the second; registers are as after power-up."""
    state = vmx_of(vcpu)
    state.zero()
    state.vmcs = frames
    state.msr_bitmap = frames + 0x1000
    state.ept_pointer = ept_pointer(root)
    state.vpid = vcpu.vm.vcpu_first + vcpu.index + 1
    state.primary = FEATURES.primary
    state.guards = u32(MITIGATIONS.guards)
    phys(VmxRegion, frames).revision = FEATURES.revision
    fill_msr_bitmap(state.msr_bitmap)
    assert vmclear(frames)
    load(vcpu)
    write_controls(vcpu)
    vcpu_reset_registers(vcpu)


@fn(cold=True)
def write_controls(vcpu: Vcpu) -> None:
    """All control fields (SDM vol. 3C, 25.6 to 25.8)."""
    state = vmx_of(vcpu)
    fields.PIN_CONTROLS.write(FEATURES.pin)
    fields.PRIMARY_CONTROLS.write(FEATURES.primary)
    fields.SECONDARY_CONTROLS.write(FEATURES.secondary)
    fields.EXIT_CONTROLS.write(FEATURES.exit)
    fields.ENTRY_CONTROLS.write(FEATURES.entry)
    fields.EXCEPTION_BITMAP.write(u32(EXCEPTIONS))
    fields.PAGE_FAULT_MASK.write(u32(0))
    fields.PAGE_FAULT_MATCH.write(u32(0))
    fields.CR3_TARGET_COUNT.write(u32(0))
    fields.EXIT_MSR_STORE_COUNT.write(u32(0))
    fields.EXIT_MSR_LOAD_COUNT.write(u32(0))
    fields.ENTRY_MSR_LOAD_COUNT.write(u32(0))
    fields.TSC_OFFSET.write(vcpu.tsc_offset)
    fields.VPID.write(u16(state.vpid))
    fields.MSR_BITMAP.write(state.msr_bitmap)
    fields.EPT_POINTER.write(state.ept_pointer)
    fields.VMCS_LINK_POINTER.write(u64(NO_LINK))
    fields.CR0_MASK.write(~u64(CR0_GUEST_OWNED))
    fields.CR4_MASK.write(~u64(CR4_GUEST_OWNED))
