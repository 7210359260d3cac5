from __future__ import annotations

import pytest

from codegen.lang import Gpa, Hpa, Local, host, u32, u64
from hypervisor.memory.guest import add_slot
from hypervisor.vcpu.contract import AccessRights
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.control_registers import vcpu_cr, vcpu_efer, vcpu_set_cr, vcpu_set_efer
from hypervisor.vcpu.vmx.ept import second_level_invalidate, second_level_leaf, second_level_table
from hypervisor.vcpu.vmx.instructions import InveptKind, InvvpidKind
from hypervisor.vcpu.vmx.model import PROCESSOR
from hypervisor.vcpu.vmx.registers import vcpu_rip, vcpu_set_dr7, vcpu_set_rflags, vcpu_set_rip
from hypervisor.vcpu.vmx.saved_msrs import vcpu_read_saved_msr, vcpu_write_saved_msr
from hypervisor.vcpu.vmx.segments import vcpu_cpl, vcpu_read_segment, vcpu_write_segment
from hypervisor.vcpu.vmx.state import vmx_of
from hypervisor.vcpu.vmx.tlb import vcpu_flush_tlb
from tests.vmx.conftest import VM, new_vcpu

SAVED = (0x174, 0x175, 0x176, 0x1D9, 0x277, *range(0xC000_0081, 0xC000_0085), *range(0xC000_0100, 0xC000_0103))


def test_cr0_shows_what_was_written_and_runs_with_what_vmx_needs(vcpu):
    vcpu_set_cr(vcpu, u32(0), u64(0x6000_0011))
    assert vcpu_cr(vcpu, u32(0)) == 0x6000_0011
    assert fields.GUEST_CR0.read() == 0x31


def test_bits_that_the_guest_changes_by_itself_are_seen(machine, vcpu):
    vcpu_set_cr(vcpu, u32(0), u64(0x11))
    machine.processor.vmcs.fields[fields.GUEST_CR0.encoding] |= 8
    assert vcpu_cr(vcpu, u32(0)) == 0x19


def test_cr4_hides_vmxe_and_keeps_machine_checks_on(vcpu):
    vcpu_set_cr(vcpu, u32(4), u64(0x20))
    assert vcpu_cr(vcpu, u32(4)) == 0x20
    assert fields.GUEST_CR4.read() == 0x2060


def test_long_mode_follows_paging(vcpu):
    vcpu_set_cr(vcpu, u32(4), u64(0x20))
    vcpu_set_efer(vcpu, u64(0x900))
    assert vcpu_efer(vcpu) == 0x900
    fields.GUEST_TR_RIGHTS.write(u32(0x83))
    vcpu_set_cr(vcpu, u32(0), u64(0x8000_0011))
    assert vcpu_efer(vcpu) == 0xD00
    assert fields.ENTRY_CONTROLS.read() & 1 << 9 != 0
    assert fields.GUEST_TR_RIGHTS.read() == 0x8B
    vcpu_set_cr(vcpu, u32(0), u64(0x11))
    assert vcpu_efer(vcpu) == 0x900
    assert fields.ENTRY_CONTROLS.read() & 1 << 9 == 0


def test_pae_paging_loads_the_pdptes(vcpu):
    ram = host.memory.allocate(4096)
    VM.memory.zero()
    add_slot(VM.memory, Gpa(0x10_0000), u64(4096), ram, True)
    entries = (0x2001, 0, 0x3000 | 1, 0x4001 | 1 << 60)
    host.memory.write(ram + 0x20, b"".join(entry.to_bytes(8, "little") for entry in entries))
    vcpu_set_cr(vcpu, u32(4), u64(0x20))
    vcpu_set_cr(vcpu, u32(3), u64(0x10_0020))
    vcpu_set_cr(vcpu, u32(0), u64(0x8000_0011))
    found = [
        field.read() for field in (fields.GUEST_PDPTE0, fields.GUEST_PDPTE1, fields.GUEST_PDPTE2, fields.GUEST_PDPTE3)
    ]
    assert found == [0x2001, 0, 0x3001, 0]


def test_pdptes_outside_memory_are_absent(vcpu):
    VM.memory.zero()
    vcpu_set_cr(vcpu, u32(4), u64(0x20))
    vcpu_set_cr(vcpu, u32(3), u64(0xFFFF_FFE0))
    vcpu_set_cr(vcpu, u32(0), u64(0x8000_0011))
    assert fields.GUEST_PDPTE0.read() == 0


def test_rflags_and_dr7_are_what_an_entry_accepts(vcpu):
    vcpu_set_rflags(vcpu, u64(0xFFFF_FFFF_FFFF_FFFF))
    assert fields.GUEST_RFLAGS.read() == 0x3F_7FD7
    vcpu_set_dr7(vcpu, u64(0xFFFF_FFFF_0000_0001))
    assert fields.GUEST_DR7.read() == 0x401


@pytest.mark.parametrize("name", SegmentName)
def test_a_segment_comes_back_as_it_was_written(vcpu, name):
    written, found = Local(Segment), Local(Segment)
    written.base, written.limit = 0x1234_5000, 0xF_FFFF
    if name.value <= SegmentName.TR.value:
        written.selector = 0x28
        written.rights = SegmentRights.of(u32(0x1_C0FB))
    vcpu_write_segment(vcpu, name, written)
    vcpu_read_segment(vcpu, name, found)
    assert (found.base, found.limit, found.selector) == (written.base, written.limit, written.selector)
    assert found.rights == written.rights


def test_cpl_is_the_dpl_of_ss(vcpu):
    fields.GUEST_SS_RIGHTS.write(u32(0xF3))
    assert vcpu_cpl(vcpu) == 3


@pytest.mark.parametrize("msr", SAVED)
def test_a_saved_msr_comes_back_as_it_was_written(vcpu, msr):
    vcpu_write_saved_msr(vcpu, u32(msr), u64(0x1234))
    assert vcpu_read_saved_msr(vcpu, u32(msr)) == 0x1234


def test_another_msr_never_reaches_the_processor(vcpu):
    host.cpu.msrs[0x1B] = 0xFEE0_0900
    vcpu_write_saved_msr(vcpu, u32(0x1B), u64(1))
    assert host.cpu.msrs[0x1B] == 0xFEE0_0900
    assert vcpu_read_saved_msr(vcpu, u32(0x1B)) == 0


def test_two_vcpus_on_one_processor_keep_their_registers_apart(machine, vcpu):
    other = new_vcpu(1)
    vcpu_set_rip(vcpu, u64(0x1111))
    vcpu_write_saved_msr(vcpu, u32(0xC000_0082), u64(0xAAAA))
    vcpu_set_cr(vcpu, u32(2), u64(0x5000))
    vcpu_set_rip(other, u64(0x2222))
    assert vcpu_read_saved_msr(other, u32(0xC000_0082)) == 0
    assert vcpu_cr(other, u32(2)) == 0
    host.cpu.debug[0] = 0x77
    assert vcpu_rip(vcpu) == 0x1111
    assert vcpu_read_saved_msr(vcpu, u32(0xC000_0082)) == 0xAAAA
    assert vcpu_cr(vcpu, u32(2)) == 0x5000
    assert host.cpu.debug[0] == 0
    assert vcpu_rip(other) == 0x2222
    assert host.cpu.debug[0] == 0x77


def test_a_vcpu_that_leaves_the_processor_is_launched_anew(machine, vcpu):
    vmx_of(vcpu).launched = 1
    new_vcpu(1)
    assert vmx_of(vcpu).launched == 0
    assert ("vmclear", int(vmx_of(vcpu).vmcs)) in machine.processor.log


def test_a_flush_names_the_vcpus_own_translations(machine, vcpu):
    machine.processor.log.clear()
    vcpu_flush_tlb(vcpu)
    second_level_invalidate(Hpa(0x7000))
    assert machine.processor.log == [
        ("invvpid", InvvpidKind.SINGLE_CONTEXT, 1),
        ("invept", InveptKind.SINGLE_CONTEXT, 0x701E),
    ]


@pytest.mark.parametrize(("level", "bits"), [(1, 0x37), (2, 0xB7), (3, 0xB7)])
def test_a_leaf_is_write_back_and_leaves_the_guests_pat_in_charge(level, bits):
    leaf = second_level_leaf(Hpa(0x4000_0000), AccessRights.READ_WRITE_EXECUTE, u32(level))
    assert leaf == 0x4000_0000 | bits
    assert second_level_leaf(Hpa(0x4000_0000), AccessRights.READ, u32(level)) == 0x4000_0000 | bits & ~6


def test_a_table_entry_allows_what_its_leaves_allow():
    assert second_level_table(Hpa(0x5000)) == 0x5007


def test_the_model_refuses_what_the_processor_refuses(machine):
    assert not PROCESSOR.vmptrld(Hpa(0x123))
    assert PROCESSOR.vmxon(Hpa(0x1000)) and not PROCESSOR.vmxon(Hpa(0x1000))
    assert PROCESSOR.vmptrld(Hpa(0x2000))
    assert not PROCESSOR.vmwrite(u64(0x4402), u64(1))
