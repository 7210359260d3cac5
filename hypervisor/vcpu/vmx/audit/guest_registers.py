"""27.3.1.1 and 27.3.1.4: the guest's control and debug registers, MSRs, RIP and RFLAGS."""

from __future__ import annotations

from codegen.lang import fn, rdmsr, u32, u64
from hypervisor.vcpu.vmx import fields, msr_index
from hypervisor.vcpu.vmx.audit.host import EFER_DEFINED
from hypervisor.vcpu.vmx.audit.rule import canonical, pat_is_valid, physical, rule, rules_of
from hypervisor.vcpu.vmx.capability import CR0_PE_PG
from hypervisor.vcpu.vmx.control_registers import CR0_PG, CR4_PAE, EFER_LMA, EFER_LME
from hypervisor.vcpu.vmx.controls import EntryControls
from hypervisor.vcpu.vmx.inject import CR0_PE
from hypervisor.vcpu.vmx.registers import RFLAGS_ALWAYS_1, RFLAGS_DEFINED
from hypervisor.vcpu.vmx.skip import CS_LONG

CR0_WP = 1 << 16
CR4_PCIDE = 1 << 17
CR4_CET = 1 << 23
DEBUGCTL_DEFINED = 0xDFC3
RFLAGS_VM = 1 << 17


@fn(cold=True)
def entry_controls() -> EntryControls:
    return EntryControls.of(fields.ENTRY_CONTROLS.read())


@rule("27.3.1.1", "guest CR0 must not set a bit to a value not supported in VMX operation (PE and PG may be 0)")
@fn(cold=True)
def guest_cr0() -> bool:
    value = fields.GUEST_CR0.read()
    fixed0 = rdmsr(u32(msr_index.IA32_VMX_CR0_FIXED0)) & ~CR0_PE_PG
    return value & ~rdmsr(u32(msr_index.IA32_VMX_CR0_FIXED1)) == 0 and fixed0 & ~value == 0


@rule("27.3.1.1", "if guest CR0.PG is 1, CR0.PE must be 1")
@fn(cold=True)
def guest_paging_protected() -> bool:
    value = fields.GUEST_CR0.read()
    return value & CR0_PG == 0 or value & CR0_PE != 0


@rule("27.3.1.1", "guest CR4 must not set a bit to a value not supported in VMX operation")
@fn(cold=True)
def guest_cr4() -> bool:
    value = fields.GUEST_CR4.read()
    fixed0 = rdmsr(u32(msr_index.IA32_VMX_CR4_FIXED0))
    return value & ~rdmsr(u32(msr_index.IA32_VMX_CR4_FIXED1)) == 0 and fixed0 & ~value == 0


@rule("27.3.1.1", "if guest CR4.CET is 1, CR0.WP must be 1")
@fn(cold=True)
def guest_cet() -> bool:
    return fields.GUEST_CR4.read() & CR4_CET == 0 or fields.GUEST_CR0.read() & CR0_WP != 0


@rule("27.3.1.1", "reserved bits of guest IA32_DEBUGCTL must be 0")
@fn(cold=True)
def guest_debugctl() -> bool:
    return not entry_controls().load_debug or fields.GUEST_DEBUGCTL.read() & ~DEBUGCTL_DEFINED == 0


@rule("27.3.1.1", "in an IA-32e mode guest, CR0.PG and CR4.PAE must be 1")
@fn(cold=True)
def guest_ia32e_paging() -> bool:
    paging = fields.GUEST_CR0.read() & CR0_PG != 0 and fields.GUEST_CR4.read() & CR4_PAE != 0
    return not entry_controls().ia32e_guest or paging


@rule("27.3.1.1", "outside an IA-32e mode guest, CR4.PCIDE must be 0")
@fn(cold=True)
def guest_pcide() -> bool:
    return entry_controls().ia32e_guest or fields.GUEST_CR4.read() & CR4_PCIDE == 0


@rule("27.3.1.1", "bits of guest CR3 above the physical-address width must be 0")
@fn(cold=True)
def guest_cr3() -> bool:
    return physical(fields.GUEST_CR3.read(), u64(1))


@rule("27.3.1.1", "bits 63:32 of guest DR7 must be 0")
@fn(cold=True)
def guest_dr7() -> bool:
    return not entry_controls().load_debug or fields.GUEST_DR7.read() >> 32 == 0


@rule("27.3.1.1", "guest IA32_SYSENTER_ESP and IA32_SYSENTER_EIP must be canonical")
@fn(cold=True)
def guest_sysenter() -> bool:
    return canonical(fields.GUEST_SYSENTER_ESP.read()) and canonical(fields.GUEST_SYSENTER_EIP.read())


@rule("27.3.1.1", "each byte of guest IA32_PAT must be a memory type")
@fn(cold=True)
def guest_pat() -> bool:
    return not entry_controls().load_pat or pat_is_valid(fields.GUEST_PAT.read())


@rule("27.3.1.1", "reserved bits of guest IA32_EFER must be 0")
@fn(cold=True)
def guest_efer_reserved() -> bool:
    return not entry_controls().load_efer or fields.GUEST_EFER.read() & ~EFER_DEFINED == 0


@rule("27.3.1.1", "guest IA32_EFER.LMA must equal the IA-32e mode guest control")
@fn(cold=True)
def guest_efer_mode() -> bool:
    long = fields.GUEST_EFER.read() & EFER_LMA != 0
    return not entry_controls().load_efer or long == entry_controls().ia32e_guest


@rule("27.3.1.1", "guest IA32_EFER.LMA must equal LME if CR0.PG is 1")
@fn(cold=True)
def guest_efer_enable() -> bool:
    efer = fields.GUEST_EFER.read()
    same = (efer & EFER_LMA != 0) == (efer & EFER_LME != 0)
    return not entry_controls().load_efer or fields.GUEST_CR0.read() & CR0_PG == 0 or same


@fn(cold=True)
def runs_64_bit_code() -> bool:
    return entry_controls().ia32e_guest and fields.GUEST_CS_RIGHTS.read() & CS_LONG != 0


@rule("27.3.1.4", "bits 63:32 of guest RIP must be 0 outside 64-bit code")
@fn(cold=True)
def guest_rip_narrow() -> bool:
    return runs_64_bit_code() or fields.GUEST_RIP.read() >> 32 == 0


@rule("27.3.1.4", "guest RIP must be canonical in 64-bit code")
@fn(cold=True)
def guest_rip_canonical() -> bool:
    return not runs_64_bit_code() or canonical(fields.GUEST_RIP.read())


@rule("27.3.1.4", "reserved bits of guest RFLAGS must be 0, and bit 1 must be 1")
@fn(cold=True)
def guest_rflags() -> bool:
    value = fields.GUEST_RFLAGS.read()
    return value & ~RFLAGS_DEFINED == 0 and value & RFLAGS_ALWAYS_1 != 0


@rule("27.3.1.4", "RFLAGS.VM must be 0 in an IA-32e mode guest, and if CR0.PE is 0")
@fn(cold=True)
def guest_virtual_8086() -> bool:
    possible = not entry_controls().ia32e_guest and fields.GUEST_CR0.read() & CR0_PE != 0
    return possible or fields.GUEST_RFLAGS.read() & RFLAGS_VM == 0


RULES = rules_of(globals())
