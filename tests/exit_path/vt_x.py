"""A CPUID exit on VT-x as the walk finds it: the vCPU, its processor's data and the VMCS."""

from __future__ import annotations

from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.exit_reason import ExitReason
from hypervisor.vcpu.vmx.state import RESUME, vmx_of
from tests.exit_path.scene import GUEST_RIP, Scene

STUB = "vmx_enter"
ENTRY = "vmresume"
BEHIND_ENTRY = 4  # instructions: VMRESUME, and what follows it where it fails


def prepare(scene: Scene) -> dict[int, int]:
    """The fields that the path reads; what is not named here, the path must not need."""
    state = vmx_of(scene.vcpu)
    state.launched = RESUME
    return {
        fields.EXIT_REASON.encoding: ExitReason.CPUID.value,
        fields.EXIT_INSTRUCTION_LENGTH.encoding: 2,
        fields.GUEST_RIP.encoding: GUEST_RIP,
        fields.GUEST_INTERRUPTIBILITY.encoding: 0,
        fields.GUEST_RFLAGS.encoding: 2,
    }
