"""A CPUID exit on AMD-V as the walk finds it: the vCPU, its processor's data and the VMCB. The processor saves no next
RIP, as QEMU's does not: the instruction is decoded."""

from __future__ import annotations

from codegen.lang import Hva, address_of, phys_span, u32, u64
from hypervisor.vcpu.svm.exit_code import ExitCode
from hypervisor.vcpu.svm.state import svm_of
from hypervisor.vcpu.svm.vmcb import Vmcb
from tests.exit_path.scene import CPUID, GUEST_RAM, GUEST_RIP, PROTECTED_MODE, Scene

STUB = "svm_enter"
ENTRY = "vmrun"
BEHIND_ENTRY = 1


def prepare(scene: Scene) -> dict[int, int]:
    """No VMCS: everything lies in memory."""
    vmcb = scene.new(Vmcb)
    state = svm_of(scene.vcpu)
    state.vmcb = vmcb
    state.vmcb_address = Hva(u64(address_of(vmcb)))
    scene.cpu.plain_vcpu = address_of(scene.vcpu)
    vmcb.control.exit_code = u64(u32(ExitCode.CPUID))
    vmcb.save.rip = GUEST_RIP
    vmcb.save.cr0 = PROTECTED_MODE
    phys_span(GUEST_RAM + GUEST_RIP, u64(2)).copy_from(CPUID)
    return {}
