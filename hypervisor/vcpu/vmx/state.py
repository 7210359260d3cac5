"""What the back end keeps: the controls that this machine allows, and its own part of every vCPU."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Hva, Struct, fn, overlay, storage, u32, u64
from hypervisor.vcpu.vcpu import Vcpu


class VmxFeatures(Struct):
    """Control words after negotiation with the capability MSRs; the same on every processor of the machine."""

    pin: Field[u32]
    primary: Field[u32]
    secondary: Field[u32]
    exit: Field[u32]
    entry: Field[u32]
    revision: Field[u32]  # VMCS revision identifier
    timer_shift: Field[u32]  # the preemption timer counts TSC bit `timer_shift`
    largest_leaf: Field[u32]  # of EPT: 3 for 1 GiB, 2 for 2 MiB
    cr0_fixed: Field[u64]  # bits of CR0 that are 1 in VMX operation, PE and PG excepted (unrestricted guest)
    cr4_fixed: Field[u64]  # bits of CR4 that are 1 in VMX operation
    cr0_allowed: Field[u64]  # bits that may be 1
    cr4_allowed: Field[u64]
    reserved_address: Field[u64]  # bits above the physical-address width


FEATURES = storage(VmxFeatures)
RESUME, GUARDED_RESUME = 1, 2  # values of VmxVcpu.launched


class VmxVcpu(Struct):
    """The back end's part of a vCPU. The registers at the end live in the processor while the vCPU is loaded."""

    host_rsp: Field[u64]  # of the monitor, while the guest runs
    launched: Field[u32]  # 0 since VMCLEAR: VMLAUNCH comes next; then RESUME or GUARDED_RESUME
    guards: Field[u32]  # Guards, as this machine needs them
    primary: Field[u32]  # primary controls, with the windows that are wanted
    vmcs: Field[Hpa]
    msr_bitmap: Field[Hpa]
    ept_pointer: Field[u64]
    vpid: Field[u32]
    host_cpu: Field[Hva]  # where it was last: the host state is of this processor, translations elsewhere are stale
    kernel_gs_base: Field[u64]
    star: Field[u64]
    lstar: Field[u64]
    cstar: Field[u64]
    sfmask: Field[u64]
    cr2: Field[u64]
    dr0: Field[u64]
    dr1: Field[u64]
    dr2: Field[u64]
    dr3: Field[u64]
    dr6: Field[u64]


@fn
def vmx_of(vcpu: Vcpu) -> VmxVcpu:
    """The back end's part of `vcpu`."""
    return overlay(VmxVcpu, vcpu.vendor)
