"""One planted fault per rule of the manual: the auditor names that rule."""

from __future__ import annotations

import pytest

from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.audit.report import RULES
from hypervisor.vcpu.vmx.audit.rule import canonical, pat_is_valid
from hypervisor.vcpu.vmx.instructions import vmread

NON_CANONICAL = 0x8000_0000_0000
BEYOND = 1 << 50  # above the 40 physical address bits of the model
INTERRUPT = {"ENTRY_INTERRUPTION": 0x8000_0030}
NMI = {"ENTRY_INTERRUPTION": 0x8000_0202}
CODE_64, LONG = 0xA09B, {"ENTRY_CONTROLS": ("set", 1 << 9), "GUEST_EFER": 0x500}
ES, CS, SS, DS, FS, GS, LDTR, TR, GDTR, IDTR = range(0, 20, 2)


def selector(name, value):
    return {fields.GUEST_SELECTORS + name: value}


def base(name, value):
    return {fields.GUEST_BASES + name: value}


def limit(name, value):
    return {fields.GUEST_LIMITS + name: value}


def rights(name, value):
    return {fields.GUEST_RIGHTS + name: value}


FAULTS = {
    "pin_reserved": {"PIN_CONTROLS": ("clear", 2)},
    "primary_reserved": {"PRIMARY_CONTROLS": ("set", 1)},
    "secondary_reserved": {"SECONDARY_CONTROLS": ("set", 1 << 15)},
    "cr3_target_count": {"CR3_TARGET_COUNT": 5},
    "io_bitmaps": {"PRIMARY_CONTROLS": ("set", 1 << 25)},
    "msr_bitmap": {"MSR_BITMAP": 0x123},
    "tpr_shadow": {"PRIMARY_CONTROLS": ("set", 1 << 21)},
    "virtual_nmis": {"PIN_CONTROLS": ("clear", 1 << 3)},
    "nmi_window": {"PIN_CONTROLS": ("clear", 1 << 5), "PRIMARY_CONTROLS": ("set", 1 << 22)},
    "apic_access": {"SECONDARY_CONTROLS": ("set", 1)},
    "apic_virtualization": {"SECONDARY_CONTROLS": ("set", 1 << 4)},
    "virtual_interrupt_delivery": {"SECONDARY_CONTROLS": ("set", 1 << 9), "PIN_CONTROLS": ("clear", 1)},
    "posted_interrupts": {"PIN_CONTROLS": ("set", 1 << 7)},
    "vpid": {"VPID": 0},
    "ept_memory_type": {"EPT_POINTER": ("clear", 6)},
    "ept_walk_length": {"EPT_POINTER": ("clear", 1 << 3)},
    "ept_accessed_dirty": {"EPT_POINTER": ("set", 1 << 6)},
    "ept_reserved": {"EPT_POINTER": ("set", 1 << 7)},
    "page_modification_log": {"SECONDARY_CONTROLS": ("set", 1 << 17)},
    "unrestricted_guest": {"SECONDARY_CONTROLS": ("clear", 1 << 1)},
    "exit_reserved": {"EXIT_CONTROLS": ("clear", 1)},
    "saved_timer": {"EXIT_CONTROLS": ("set", 1 << 22), "PIN_CONTROLS": ("clear", 1 << 6)},
    "exit_msr_store": {"EXIT_MSR_STORE_COUNT": 1, "EXIT_MSR_STORE": 8},
    "exit_msr_load": {"EXIT_MSR_LOAD_COUNT": 1, "EXIT_MSR_LOAD": BEYOND},
    "entry_reserved": {"ENTRY_CONTROLS": ("clear", 1)},
    "entry_msr_load": {"ENTRY_MSR_LOAD_COUNT": 1, "ENTRY_MSR_LOAD": 8},
    "entry_to_smm": {"ENTRY_CONTROLS": ("set", 1 << 10)},
    "event_type": {"ENTRY_INTERRUPTION": 0x8000_0130},
    "event_vector": {"ENTRY_INTERRUPTION": 0x8000_0203},
    "event_error_code": {"ENTRY_INTERRUPTION": 0x8000_0B0D},
    "event_reserved": {"ENTRY_INTERRUPTION": 0x8000_1306},
    "event_error_value": {"ENTRY_INTERRUPTION": 0x8000_0B0D, "ENTRY_ERROR_CODE": 1 << 16, "GUEST_CR0": ("set", 1)},
    "event_length": {"ENTRY_INTERRUPTION": 0x8000_0603, "ENTRY_INSTRUCTION_LENGTH": 16},
    "interrupts_enabled": INTERRUPT,
    "interrupt_shadow": {**INTERRUPT, "GUEST_RFLAGS": 0x202, "GUEST_INTERRUPTIBILITY": 1},
    "nmi_shadow": {**NMI, "GUEST_INTERRUPTIBILITY": 2},
    "nmi_blocking": {**NMI, "GUEST_INTERRUPTIBILITY": 8},
    "host_cr0": {"HOST_CR0": ("clear", 1)},
    "host_cr4": {"HOST_CR4": ("set", 1 << 14)},
    "host_cr3": {"HOST_CR3": BEYOND},
    "host_sysenter": {"HOST_SYSENTER_ESP": NON_CANONICAL},
    "host_perf_global_control": {"EXIT_CONTROLS": ("set", 1 << 12)},
    "host_pat": {"HOST_PAT": 2},
    "host_efer_reserved": {"HOST_EFER": ("set", 2)},
    "host_efer_mode": {"HOST_EFER": ("clear", 1 << 10)},
    "host_selectors": {"HOST_DS": 3},
    "host_cs_tr": {"HOST_TR": 0},
    "host_ss": {"EXIT_CONTROLS": ("clear", 1 << 9), "HOST_SS": 0},
    "host_bases": {"HOST_GDTR_BASE": NON_CANONICAL},
    "host_address_space": {"EXIT_CONTROLS": ("clear", 1 << 9)},
    "host_rip": {"HOST_RIP": NON_CANONICAL},
    "guest_cr0": {"GUEST_CR0": ("clear", 1 << 5)},
    "guest_paging_protected": {"GUEST_CR0": ("set", 1 << 31)},
    "guest_cr4": {"GUEST_CR4": ("clear", 1 << 13)},
    "guest_cet": {"GUEST_CR4": ("set", 1 << 23)},
    "guest_debugctl": {"GUEST_DEBUGCTL": 1 << 16},
    "guest_ia32e_paging": LONG,
    "guest_pcide": {"GUEST_CR4": ("set", 1 << 17)},
    "guest_cr3": {"GUEST_CR3": BEYOND},
    "guest_dr7": {"GUEST_DR7": 1 << 32},
    "guest_sysenter": {"GUEST_SYSENTER_EIP": NON_CANONICAL},
    "guest_pat": {"GUEST_PAT": 3 << 8},
    "guest_efer_reserved": {"GUEST_EFER": 2},
    "guest_efer_mode": {"GUEST_EFER": 0x400},
    "guest_efer_enable": {"GUEST_EFER": 0x100, "GUEST_CR0": ("set", 1 << 31 | 1)},
    "guest_rip_narrow": {"GUEST_RIP": 1 << 32},
    "guest_rip_canonical": {**LONG, **rights(CS, CODE_64), "GUEST_RIP": NON_CANONICAL},
    "guest_rflags": {"GUEST_RFLAGS": 0},
    "guest_virtual_8086": {"GUEST_RFLAGS": 1 << 17 | 2},
    "system_selectors": selector(TR, 4),
    "virtual_8086_bases": {"GUEST_RFLAGS": 1 << 17 | 2, **base(ES, 16)},
    "virtual_8086_limits": {"GUEST_RFLAGS": 1 << 17 | 2},
    "canonical_bases": base(FS, NON_CANONICAL),
    "narrow_bases": base(CS, 1 << 32),
    "cs_type": rights(CS, 0x90),
    "ss_type": rights(SS, 0x91),
    "data_types": rights(DS, 0x92),
    "code_or_data": rights(ES, 0x83),
    "cs_dpl": rights(CS, 0xFB),
    "ss_dpl": rights(SS, 0xF3),
    "present": rights(GS, 0x13),
    "rights_reserved": rights(FS, 0x193),
    "cs_default_size": {**LONG, **rights(CS, 0xE09B)},
    "granularity": limit(DS, 0x10_0000),
    "tr_type": rights(TR, 0x82),
    "tr_rights": rights(TR, 0x1_008B),
    "ldtr_rights": rights(LDTR, 0x83),
    "table_bases": base(IDTR, NON_CANONICAL),
    "table_limits": limit(GDTR, 0x1_0000),
    "activity": {"GUEST_ACTIVITY": 4},
    "halted_privilege": {"GUEST_ACTIVITY": 1, **rights(SS, 0xF3)},
    "active_in_shadow": {"GUEST_ACTIVITY": 1, "GUEST_INTERRUPTIBILITY": 2},
    "event_in_activity": {"GUEST_ACTIVITY": 3, **NMI},
    "interruptibility_reserved": {"GUEST_INTERRUPTIBILITY": 1 << 5},
    "one_shadow": {"GUEST_INTERRUPTIBILITY": 3},
    "sti_needs_if": {"GUEST_INTERRUPTIBILITY": 1},
    "no_smi_blocking": {"GUEST_INTERRUPTIBILITY": 4},
    "pending_debug_reserved": {"GUEST_PENDING_DEBUG": 1 << 4},
    "pending_single_step": {"GUEST_INTERRUPTIBILITY": 2, "GUEST_RFLAGS": 0x102},
    "link_pointer": {"VMCS_LINK_POINTER": 0},
    "pdptes": {"GUEST_CR0": ("set", 1 << 31 | 1), "GUEST_CR4": ("set", 1 << 5), "GUEST_PDPTE2": 3},
}


def broken() -> set[str]:
    return {rule.holds.__name__ for rule in RULES if not rule.holds()}


def plant(machine, fault):
    memory = machine.processor.vmcs.fields
    for where, value in fault.items():
        encoding = getattr(fields, where).encoding if isinstance(where, str) else where
        if isinstance(value, tuple):
            old = memory.get(encoding, 0)
            value = old | value[1] if value[0] == "set" else old & ~value[1]
        memory[encoding] = value


def test_a_new_vcpu_breaks_no_rule(vcpu):
    assert broken() == set()


def test_every_rule_has_a_planted_fault():
    assert {rule.holds.__name__ for rule in RULES} == set(FAULTS)
    assert len(RULES) == len(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_the_auditor_names_the_broken_rule(machine, vcpu, name):
    if name == "ept_accessed_dirty":
        from codegen.lang import host

        host.cpu.msrs[0x48C] &= ~(1 << 21)
    plant(machine, FAULTS[name])
    assert name in broken()


def test_every_rule_has_a_section_and_a_sentence():
    for rule in RULES:
        assert bytes(rule.section).startswith(b"27.")
        assert len(bytes(rule.sentence)) > 20


def test_canonical_addresses_end_where_the_manual_says():
    from codegen.lang import u64

    good = (0, (1 << 47) - 1, 0xFFFF_8000_0000_0000, (1 << 64) - 1)
    assert all(canonical(u64(address)) for address in good)
    assert not any(canonical(u64(address)) for address in (1 << 47, 0xFFFF_7FFF_FFFF_FFFF, 1 << 63))


def test_pat_bytes_are_memory_types():
    from codegen.lang import u64

    for kind in range(256):
        assert pat_is_valid(u64(kind << 56 | 6)) == (kind in (0, 1, 4, 5, 6, 7))


def test_reading_for_a_rule_changes_nothing(machine, vcpu):
    before = dict(machine.processor.vmcs.fields)
    broken()
    assert machine.processor.vmcs.fields == before
    assert vmread(__import__("codegen.lang", fromlist=["u64"]).u64(fields.GUEST_RIP.encoding)) == 0xFFF0
