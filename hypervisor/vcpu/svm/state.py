"""What the back end keeps: what this machine can, and its own part of every vCPU."""

from __future__ import annotations

from codegen.lang import Field, Hpa, Hva, Struct, fn, overlay, storage, u32, u64
from hypervisor.vcpu.svm.permission_maps import MapsPlace
from hypervisor.vcpu.svm.vmcb import ControlArea, SaveArea, Vmcb
from hypervisor.vcpu.vcpu import Vcpu


class SvmFeatures(Struct):
    """Of this machine (CPUID 8000000AH)."""

    next_rip: Field[bool]  # NRIP save
    flush_by_asid: Field[bool]
    asids: Field[u32]


SVM = storage(SvmFeatures)
MAPS = storage(MapsPlace)


class SvmVcpu(Struct):
    """The back end's part of a vCPU. DR0 to DR3 live in the processor while the vCPU is loaded."""

    host_rsp: Field[u64]  # of the monitor, while the guest runs; offsets of these four are in the entry stub
    vmcb_physical: Field[Hpa]
    vmcb_address: Field[Hva]
    host_physical: Field[Hpa]  # what VMSAVE keeps of the monitor
    vmcb: Field[Vmcb]
    shadow_rip: Field[u64]  # the instruction last seen in the shadow of STI or MOV SS
    nmi_blocked: Field[bool]
    iret_rip: Field[u64]  # where the IRET stands that will unblock NMIs, while `iret_pending`
    iret_pending: Field[bool]
    nmi_window: Field[bool]
    stepping: Field[bool]  # TF is ours: see nmi.py
    step_iret: Field[bool]  # over an IRET
    step_dr6: Field[u64]  # DR6 before the step
    flush: Field[bool]  # the next entry drops the translations of its ASID
    asid_generation: Field[u64]  # in which the ASID of its VMCB was given out, on one processor: see asid.py
    guards: Field[u32]  # Guards, as this machine needs them
    dr0: Field[u64]
    dr1: Field[u64]
    dr2: Field[u64]
    dr3: Field[u64]


@fn
def svm_of(vcpu: Vcpu) -> SvmVcpu:
    """The back end's part of `vcpu`."""
    return overlay(SvmVcpu, vcpu.vendor)


@fn
def control_of(vcpu: Vcpu) -> ControlArea:
    """The control area of its VMCB."""
    return svm_of(vcpu).vmcb.control


@fn
def save_of(vcpu: Vcpu) -> SaveArea:
    """The state-save area of its VMCB."""
    return svm_of(vcpu).vmcb.save
