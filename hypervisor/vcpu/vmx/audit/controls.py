"""27.2.1: the VM-execution, VM-exit and VM-entry control fields."""

from __future__ import annotations

from codegen.lang import fn, rdmsr, u32, u64
from hypervisor.vcpu.vmx import fields, msr_index
from hypervisor.vcpu.vmx.audit.rule import physical, rule, rules_of, settable
from hypervisor.vcpu.vmx.capability import EptVpidCapability, VmxMisc
from hypervisor.vcpu.vmx.controls import EntryControls, ExitControls, PinControls, PrimaryControls, SecondaryControls
from hypervisor.vcpu.vmx.ept import FOUR_LEVELS, WRITE_BACK, EptPointer


@fn(cold=True)
def pin() -> PinControls:
    return PinControls.of(fields.PIN_CONTROLS.read())


@fn(cold=True)
def primary() -> PrimaryControls:
    return PrimaryControls.of(fields.PRIMARY_CONTROLS.read())


@fn(cold=True)
def secondary() -> SecondaryControls:
    """All zero when they are not activated."""
    if not primary().secondary_controls:
        return SecondaryControls()
    return SecondaryControls.of(fields.SECONDARY_CONTROLS.read())


@rule("27.2.1.1", "reserved bits in the pin-based VM-execution controls must be set properly")
@fn(cold=True)
def pin_reserved() -> bool:
    return settable(rdmsr(u32(msr_index.IA32_VMX_TRUE_PINBASED_CTLS)), fields.PIN_CONTROLS.read())


@rule("27.2.1.1", "reserved bits in the primary processor-based VM-execution controls must be set properly")
@fn(cold=True)
def primary_reserved() -> bool:
    return settable(rdmsr(u32(msr_index.IA32_VMX_TRUE_PROCBASED_CTLS)), fields.PRIMARY_CONTROLS.read())


@rule("27.2.1.1", "reserved bits in the secondary processor-based VM-execution controls must be cleared")
@fn(cold=True)
def secondary_reserved() -> bool:
    return settable(rdmsr(u32(msr_index.IA32_VMX_PROCBASED_CTLS2)), u32(secondary()))


@rule("27.2.1.1", "the CR3-target count must not be greater than 4")
@fn(cold=True)
def cr3_target_count() -> bool:
    return fields.CR3_TARGET_COUNT.read() <= VmxMisc.of(rdmsr(u32(msr_index.IA32_VMX_MISC))).cr3_targets


@rule("27.2.1.1", "if I/O bitmaps are used, their addresses must be set: Keelback uses none")
@fn(cold=True)
def io_bitmaps() -> bool:
    return not primary().io_bitmaps


@rule("27.2.1.1", "the MSR-bitmap address must be 4-KByte aligned and within the physical-address width")
@fn(cold=True)
def msr_bitmap() -> bool:
    return not primary().msr_bitmaps or physical(u64(fields.MSR_BITMAP.read()), u64(4096))


@rule("27.2.1.1", "a TPR shadow needs a virtual-APIC page: Keelback uses none")
@fn(cold=True)
def tpr_shadow() -> bool:
    return not primary().tpr_shadow


@rule("27.2.1.1", "if NMI exiting is 0, virtual NMIs must be 0")
@fn(cold=True)
def virtual_nmis() -> bool:
    return pin().nmi_exiting or not pin().virtual_nmis


@rule("27.2.1.1", "if virtual NMIs is 0, NMI-window exiting must be 0")
@fn(cold=True)
def nmi_window() -> bool:
    return pin().virtual_nmis or not primary().nmi_window_exiting


@rule("27.2.1.1", "virtualizing APIC accesses needs an APIC-access address: Keelback uses none")
@fn(cold=True)
def apic_access() -> bool:
    return not secondary().virtualize_apic_accesses


@rule("27.2.1.1", "if use TPR shadow is 0, all other APIC virtualization must be 0")
@fn(cold=True)
def apic_virtualization() -> bool:
    chosen = secondary()
    apic = chosen.virtualize_x2apic or chosen.apic_register_virtualization or chosen.virtual_interrupt_delivery
    return primary().tpr_shadow or not apic


@rule("27.2.1.1", "if virtual-interrupt delivery is 1, external-interrupt exiting must be 1")
@fn(cold=True)
def virtual_interrupt_delivery() -> bool:
    return not secondary().virtual_interrupt_delivery or pin().external_interrupt_exiting


@rule("27.2.1.1", "if process posted interrupts is 1, virtual-interrupt delivery must be 1")
@fn(cold=True)
def posted_interrupts() -> bool:
    return not pin().posted_interrupts or secondary().virtual_interrupt_delivery


@rule("27.2.1.1", "if enable VPID is 1, the VPID must not be 0000H")
@fn(cold=True)
def vpid() -> bool:
    return not secondary().vpid or fields.VPID.read() != 0


@rule("27.2.1.1", "the EPT memory type must be one that the processor supports")
@fn(cold=True)
def ept_memory_type() -> bool:
    kind = EptPointer.of(fields.EPT_POINTER.read()).memory_type
    supported = EptVpidCapability.of(rdmsr(u32(msr_index.IA32_VMX_EPT_VPID_CAP)))
    return not secondary().ept or (kind == WRITE_BACK and supported.write_back)


@rule("27.2.1.1", "bits 5:3 of the EPTP must be 3: a page-walk length of 4")
@fn(cold=True)
def ept_walk_length() -> bool:
    return not secondary().ept or EptPointer.of(fields.EPT_POINTER.read()).levels_less_1 == FOUR_LEVELS


@rule("27.2.1.1", "bit 6 of the EPTP must be 0 if the processor has no accessed and dirty flags for EPT")
@fn(cold=True)
def ept_accessed_dirty() -> bool:
    supported = EptVpidCapability.of(rdmsr(u32(msr_index.IA32_VMX_EPT_VPID_CAP))).accessed_dirty
    return not secondary().ept or supported or not EptPointer.of(fields.EPT_POINTER.read()).accessed_dirty


@rule("27.2.1.1", "reserved bits 11:7 and those above the physical-address width of the EPTP must be 0")
@fn(cold=True)
def ept_reserved() -> bool:
    return not secondary().ept or physical(fields.EPT_POINTER.read() & ~0x7F, u64(4096))


@rule("27.2.1.1", "if page-modification logging is 1, a log is needed: Keelback has none")
@fn(cold=True)
def page_modification_log() -> bool:
    return not secondary().page_modification_logging


@rule("27.2.1.1", "if unrestricted guest is 1, enable EPT must be 1")
@fn(cold=True)
def unrestricted_guest() -> bool:
    return not secondary().unrestricted_guest or secondary().ept


@rule("27.2.1.2", "reserved bits in the VM-exit controls must be set properly")
@fn(cold=True)
def exit_reserved() -> bool:
    return settable(rdmsr(u32(msr_index.IA32_VMX_TRUE_EXIT_CTLS)), fields.EXIT_CONTROLS.read())


@rule("27.2.1.2", "if the VMX-preemption timer is off, its value must not be saved")
@fn(cold=True)
def saved_timer() -> bool:
    return pin().preemption_timer or not ExitControls.of(fields.EXIT_CONTROLS.read()).save_preemption_timer


@rule("27.2.1.2", "the VM-exit MSR-store address must be 16-byte aligned and in range if the count is not 0")
@fn(cold=True)
def exit_msr_store() -> bool:
    return fields.EXIT_MSR_STORE_COUNT.read() == 0 or physical(u64(fields.EXIT_MSR_STORE.read()), u64(16))


@rule("27.2.1.2", "the VM-exit MSR-load address must be 16-byte aligned and in range if the count is not 0")
@fn(cold=True)
def exit_msr_load() -> bool:
    return fields.EXIT_MSR_LOAD_COUNT.read() == 0 or physical(u64(fields.EXIT_MSR_LOAD.read()), u64(16))


@rule("27.2.1.3", "reserved bits in the VM-entry controls must be set properly")
@fn(cold=True)
def entry_reserved() -> bool:
    return settable(rdmsr(u32(msr_index.IA32_VMX_TRUE_ENTRY_CTLS)), fields.ENTRY_CONTROLS.read())


@rule("27.2.1.3", "the VM-entry MSR-load address must be 16-byte aligned and in range if the count is not 0")
@fn(cold=True)
def entry_msr_load() -> bool:
    return fields.ENTRY_MSR_LOAD_COUNT.read() == 0 or physical(u64(fields.ENTRY_MSR_LOAD.read()), u64(16))


@rule("27.2.1.3", "outside SMM, entry to SMM and deactivate dual-monitor treatment must be 0")
@fn(cold=True)
def entry_to_smm() -> bool:
    entry = EntryControls.of(fields.ENTRY_CONTROLS.read())
    return not entry.entry_to_smm and not entry.deactivate_dual_monitor


RULES = rules_of(globals())
