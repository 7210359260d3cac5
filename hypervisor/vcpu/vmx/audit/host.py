"""27.2.2 to 27.2.4: the host-state area."""

from __future__ import annotations

from codegen.lang import fn, rdmsr, u16, u32, u64
from hypervisor.vcpu.vmx import fields, msr_index
from hypervisor.vcpu.vmx.audit.rule import canonical, pat_is_valid, physical, rule, rules_of
from hypervisor.vcpu.vmx.controls import ExitControls

TI_RPL = 7
CR4_PAE = 1 << 5
EFER_DEFINED = 0xD01  # SCE, LME, LMA, NXE
EFER_LME_LMA = 0x500


@fn(cold=True)
def exit_controls() -> ExitControls:
    return ExitControls.of(fields.EXIT_CONTROLS.read())


@rule("27.2.2", "host CR0 must not set a bit to a value not supported in VMX operation")
@fn(cold=True)
def host_cr0() -> bool:
    value = fields.HOST_CR0.read()
    fixed0 = rdmsr(u32(msr_index.IA32_VMX_CR0_FIXED0))
    return value & ~rdmsr(u32(msr_index.IA32_VMX_CR0_FIXED1)) == 0 and fixed0 & ~value == 0


@rule("27.2.2", "host CR4 must not set a bit to a value not supported in VMX operation")
@fn(cold=True)
def host_cr4() -> bool:
    value = fields.HOST_CR4.read()
    fixed0 = rdmsr(u32(msr_index.IA32_VMX_CR4_FIXED0))
    return value & ~rdmsr(u32(msr_index.IA32_VMX_CR4_FIXED1)) == 0 and fixed0 & ~value == 0


@rule("27.2.2", "bits of host CR3 above the physical-address width must be 0")
@fn(cold=True)
def host_cr3() -> bool:
    return physical(fields.HOST_CR3.read(), u64(1))


@rule("27.2.2", "host IA32_SYSENTER_ESP and IA32_SYSENTER_EIP must be canonical")
@fn(cold=True)
def host_sysenter() -> bool:
    return canonical(fields.HOST_SYSENTER_ESP.read()) and canonical(fields.HOST_SYSENTER_EIP.read())


@rule("27.2.2", "IA32_PERF_GLOBAL_CTRL is not loaded: Keelback uses no performance counter")
@fn(cold=True)
def host_perf_global_control() -> bool:
    return not exit_controls().load_perf_global_control


@rule("27.2.2", "each byte of host IA32_PAT must be a memory type")
@fn(cold=True)
def host_pat() -> bool:
    return not exit_controls().load_pat or pat_is_valid(fields.HOST_PAT.read())


@rule("27.2.2", "reserved bits of host IA32_EFER must be 0")
@fn(cold=True)
def host_efer_reserved() -> bool:
    return not exit_controls().load_efer or fields.HOST_EFER.read() & ~EFER_DEFINED == 0


@rule("27.2.2", "host IA32_EFER.LMA and LME must equal the host address-space size control")
@fn(cold=True)
def host_efer_mode() -> bool:
    expected = u64(EFER_LME_LMA) if exit_controls().host_64_bit else u64(0)
    return not exit_controls().load_efer or fields.HOST_EFER.read() & EFER_LME_LMA == expected


@rule("27.2.3", "RPL and TI must be 0 in the host selectors")
@fn(cold=True)
def host_selectors() -> bool:
    data = fields.HOST_SS.read() | fields.HOST_DS.read() | fields.HOST_ES.read()
    rest = fields.HOST_CS.read() | fields.HOST_FS.read() | fields.HOST_GS.read() | fields.HOST_TR.read()
    return (data | rest) & TI_RPL == 0


@rule("27.2.3", "host CS and TR must not be 0000H")
@fn(cold=True)
def host_cs_tr() -> bool:
    return fields.HOST_CS.read() != u16(0) and fields.HOST_TR.read() != u16(0)


@rule("27.2.3", "host SS must not be 0000H if the host address-space size is 32 bits")
@fn(cold=True)
def host_ss() -> bool:
    return exit_controls().host_64_bit or fields.HOST_SS.read() != u16(0)


@rule("27.2.3", "the host bases of FS, GS, GDTR, IDTR and TR must be canonical")
@fn(cold=True)
def host_bases() -> bool:
    return (
        canonical(fields.HOST_FS_BASE.read())
        and canonical(fields.HOST_GS_BASE.read())
        and canonical(fields.HOST_GDTR_BASE.read())
        and canonical(fields.HOST_IDTR_BASE.read())
        and canonical(fields.HOST_TR_BASE.read())
    )


@rule("27.2.4", "in IA-32e mode the host address-space size must be 64 bits, with CR4.PAE set")
@fn(cold=True)
def host_address_space() -> bool:
    return exit_controls().host_64_bit and fields.HOST_CR4.read() & CR4_PAE != 0


@rule("27.2.4", "host RIP must be canonical")
@fn(cold=True)
def host_rip() -> bool:
    return canonical(fields.HOST_RIP.read())


RULES = rules_of(globals())
