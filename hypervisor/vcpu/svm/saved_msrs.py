"""MSRs that the VMCB holds."""

from __future__ import annotations

from codegen.lang import fn, implements, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.state import control_of, save_of
from hypervisor.vcpu.vcpu import Vcpu


@implements(contract.vcpu_read_saved_msr)
@fn
def vcpu_read_saved_msr(vcpu: Vcpu, msr: u32) -> u64:
    """The guest's value. The list is the MSR policy's."""
    save = save_of(vcpu)
    match msr:
        case 0x174:
            return save.sysenter_cs
        case 0x175:
            return save.sysenter_esp
        case 0x176:
            return save.sysenter_eip
        case 0x277:
            return save.pat
        case 0xC000_0081:
            return save.star
        case 0xC000_0082:
            return save.lstar
        case 0xC000_0083:
            return save.cstar
        case 0xC000_0084:
            return save.sfmask
        case 0xC000_0100:
            return save.fs.base
        case 0xC000_0101:
            return save.gs.base
        case 0xC000_0102:
            return save.kernel_gs_base
        case _:
            return u64(0)


@implements(contract.vcpu_write_saved_msr)
@fn
def vcpu_write_saved_msr(vcpu: Vcpu, msr: u32, value: u64) -> None:
    """Set the guest's value."""
    save = save_of(vcpu)
    match msr:
        case 0x174:
            save.sysenter_cs = value
        case 0x175:
            save.sysenter_esp = value
        case 0x176:
            save.sysenter_eip = value
        case 0x277:
            save.pat = value
        case 0xC000_0081:
            save.star = value
        case 0xC000_0082:
            save.lstar = value
        case 0xC000_0083:
            save.cstar = value
        case 0xC000_0084:
            save.sfmask = value
        case 0xC000_0100:
            save.fs.base = value
        case 0xC000_0101:
            save.gs.base = value
        case 0xC000_0102:
            save.kernel_gs_base = value
        case _:
            return


@implements(contract.vcpu_set_tsc_offset)
@fn
def vcpu_set_tsc_offset(vcpu: Vcpu, offset: u64) -> None:
    """Guest RDTSC returns the host's plus `offset`."""
    control_of(vcpu).tsc_offset = offset
