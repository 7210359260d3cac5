"""CR0, CR3, CR4 and EFER of the guest: bits that we own are kept behind read shadows (SDM vol. 3C, 25.6.6)."""

from __future__ import annotations

from codegen.lang import Gpa, fn, implements, read_cr2, static, u32, u64, write_cr2
from hypervisor.memory.fault import Fault
from hypervisor.memory.guest import read_u64
from hypervisor.vcpu import contract
from hypervisor.vcpu.vcpu import Vcpu
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.controls import EntryControls
from hypervisor.vcpu.vmx.loaded import load
from hypervisor.vcpu.vmx.state import FEATURES

CR0_PG = 1 << 31
CR0_CD_NW = 3 << 29  # an entry and an exit leave them alone: set, they would slow the host down
CR4_PAE = 1 << 5
EFER_LME = 1 << 8
EFER_LMA = 1 << 10

# What a guest changes by itself: MP, EM, TS, WP and AM of CR0; of CR4 what needs no check beyond the processor's own
# (VME to UMIP without MCE, FSGSBASE, PCIDE, SMEP, SMAP). OSXSAVE is ours, so that CPUID's copy can stand in a table.
# MCE is ours because with MCE clear a machine check would shut the whole machine down (SDM vol. 3B, 16.7).
CR0_GUEST_OWNED = 0x0005_000E
CR4_GUEST_OWNED = 0x0033_0FBF
CR4_MCE = 1 << 6

IA32E_GUEST = u32(EntryControls(ia32e_guest=True))
TR_BUSY_64 = 11
PDPTE_RESERVED = 0x1E6  # 27.3.1.6, with the bits above the physical-address width

PDPTES = (fields.GUEST_PDPTE0, fields.GUEST_PDPTE1, fields.GUEST_PDPTE2, fields.GUEST_PDPTE3)


@fn
def visible_cr0() -> u64:
    """CR0 of the loaded vCPU as the guest reads it."""
    return (fields.GUEST_CR0.read() & CR0_GUEST_OWNED) | (fields.CR0_SHADOW.read() & ~CR0_GUEST_OWNED)


@fn
def visible_cr4() -> u64:
    """CR4 of the loaded vCPU as the guest reads it."""
    return (fields.GUEST_CR4.read() & CR4_GUEST_OWNED) | (fields.CR4_SHADOW.read() & ~CR4_GUEST_OWNED)


@implements(contract.vcpu_cr)
@fn
def vcpu_cr(vcpu: Vcpu, number: u32) -> u64:
    """CR0, CR2, CR3 or CR4 as the guest sees it; 0 for another number."""
    load(vcpu)
    match number:
        case 0:
            return visible_cr0()
        case 2:
            return read_cr2()
        case 3:
            return fields.GUEST_CR3.read()
        case 4:
            return visible_cr4()
        case _:
            return u64(0)


@implements(contract.vcpu_set_cr)
@fn
def vcpu_set_cr(vcpu: Vcpu, number: u32, value: u64) -> None:
    """Set CR0, CR2, CR3 or CR4 as the guest asked; the value has been validated."""
    load(vcpu)
    match number:
        case 0:
            fields.CR0_SHADOW.write(value)
            fields.GUEST_CR0.write(((value & ~CR0_CD_NW) | FEATURES.cr0_fixed) & FEATURES.cr0_allowed)
        case 2:
            write_cr2(value)
            return
        case 3:
            fields.GUEST_CR3.write(value & ~(1 << 63))
        case 4:
            fields.CR4_SHADOW.write(value)
            fields.GUEST_CR4.write((value | FEATURES.cr4_fixed | CR4_MCE) & FEATURES.cr4_allowed)
        case _:
            return
    follow_paging_mode(vcpu)


@implements(contract.vcpu_efer)
@fn
def vcpu_efer(vcpu: Vcpu) -> u64:
    """Guest EFER."""
    load(vcpu)
    return fields.GUEST_EFER.read()


@implements(contract.vcpu_set_efer)
@fn
def vcpu_set_efer(vcpu: Vcpu, value: u64) -> None:
    """Set guest EFER; LMA is derived."""
    load(vcpu)
    fields.GUEST_EFER.write(value)
    follow_paging_mode(vcpu)


@fn
def follow_paging_mode(vcpu: Vcpu) -> None:
    """LMA, the entry's mode and the PDPTEs follow CR0.PG, CR4.PAE and EFER.LME (27.3.1.1)."""
    efer = fields.GUEST_EFER.read()
    paging = fields.GUEST_CR0.read() & CR0_PG != 0
    entry = fields.ENTRY_CONTROLS.read()
    if paging and efer & EFER_LME != 0:
        fields.GUEST_EFER.write(efer | EFER_LMA)
        fields.ENTRY_CONTROLS.write(entry | IA32E_GUEST)
        # The CPU tolerates a 16-bit TSS left in TR when long mode starts; an entry does not (27.3.1.2).
        fields.GUEST_TR_RIGHTS.write((fields.GUEST_TR_RIGHTS.read() & ~0xF) | TR_BUSY_64)
    else:
        fields.GUEST_EFER.write(efer & ~EFER_LMA)
        fields.ENTRY_CONTROLS.write(entry & ~IA32E_GUEST)
        if paging and fields.GUEST_CR4.read() & CR4_PAE != 0:
            load_pdptes(vcpu)


@fn(cold=True)
def load_pdptes(vcpu: Vcpu) -> None:
    """Read the four PDPTEs at CR3 as MOV CR would (SDM vol. 3A, 4.4.1). One that an entry would refuse is absent."""
    table = Gpa(fields.GUEST_CR3.read() & 0xFFFF_FFE0)
    for index, field in static(tuple(enumerate(PDPTES))):
        entry = read_u64(vcpu.vm.memory, table + index * 8)
        if isinstance(entry, Fault) or entry & (FEATURES.reserved_address | PDPTE_RESERVED) != 0:
            field.write(u64(0))
        else:
            field.write(entry)
