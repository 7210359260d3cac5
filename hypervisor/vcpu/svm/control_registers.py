"""CR0, CR2, CR3, CR4 and EFER: under nested paging the VMCB holds what the guest sees, EFER.SVME and CR4.MCE apart.

CR4.MCE is set while the guest runs: with MCE clear a machine check would shut the whole machine down (APM vol. 2,
9.3.1). A guest that has not set it, as none does for long, reads CR4 through us.
"""

from __future__ import annotations

from codegen.lang import fn, implements, read_cr4, u32, u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.svm.intercepts import CR4_READS, CR_ACCESSES
from hypervisor.vcpu.svm.state import control_of, save_of
from hypervisor.vcpu.vcpu import Vcpu

CR0_PG = 1 << 31
CR4_MCE = 1 << 6
HIDDEN_TO_MCE = 2  # from CR4_READS, set while MCE is not the guest's own: without a branch, as decoders read CR4 often
EFER_LME, EFER_LMA, EFER_SVME = 1 << 8, 1 << 10, 1 << 12


@implements(contract.vcpu_cr)
@fn
def vcpu_cr(vcpu: Vcpu, number: u32) -> u64:
    """CR0, CR2, CR3 or CR4."""
    save = save_of(vcpu)
    match number:
        case 0:
            return save.cr0
        case 2:
            return save.cr2
        case 3:
            return save.cr3
        case _:
            hidden = u64(control_of(vcpu).intercept_cr & CR4_READS) << HIDDEN_TO_MCE
            return save.cr4 & ~hidden


@implements(contract.vcpu_set_cr)
@fn
def vcpu_set_cr(vcpu: Vcpu, number: u32, value: u64) -> None:
    """Set one; EFER.LMA follows CR0.PG."""
    save = save_of(vcpu)
    match number:
        case 0:
            save.cr0 = value
            derive_long_mode(vcpu)
        case 2:
            save.cr2 = value
        case 3:
            save.cr3 = value
        case _:
            save.cr4 = value | read_cr4() & CR4_MCE
            hidden = save.cr4 != value
            control_of(vcpu).intercept_cr = u32(CR_ACCESSES | CR4_READS) if hidden else u32(CR_ACCESSES)


@implements(contract.vcpu_efer)
@fn
def vcpu_efer(vcpu: Vcpu) -> u64:
    """Guest EFER without SVME, which VMRUN demands and the guest's CPUID hides."""
    return save_of(vcpu).efer & ~EFER_SVME


@implements(contract.vcpu_set_efer)
@fn
def vcpu_set_efer(vcpu: Vcpu, value: u64) -> None:
    """Set guest EFER."""
    save_of(vcpu).efer = value | EFER_SVME
    derive_long_mode(vcpu)


@fn
def derive_long_mode(vcpu: Vcpu) -> None:
    """LMA = LME and CR0.PG (APM vol. 2, 14.6)."""
    save = save_of(vcpu)
    if save.efer & EFER_LME != 0 and save.cr0 & CR0_PG != 0:
        save.efer = save.efer | EFER_LMA
    else:
        save.efer = save.efer & ~EFER_LMA
