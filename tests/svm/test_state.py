from __future__ import annotations

import pytest

from codegen.lang import (
    Hpa,
    host,
    read_dr0,
    read_dr1,
    read_dr2,
    read_dr3,
    storage,
    u8,
    u32,
    u64,
    write_cr4,
    write_dr0,
    write_dr1,
    write_dr2,
    write_dr3,
)
from hypervisor.vcpu.contract import AccessRights, Capability
from hypervisor.vcpu.pool import VCPUS
from hypervisor.vcpu.segment import Segment, SegmentName, SegmentRights
from hypervisor.vcpu.svm.control_registers import vcpu_cr, vcpu_efer, vcpu_set_cr, vcpu_set_efer
from hypervisor.vcpu.svm.create import vcpu_create
from hypervisor.vcpu.svm.enable import vendor_enable_cpu, vendor_missing_capability
from hypervisor.vcpu.svm.loaded import load
from hypervisor.vcpu.svm.model import PROCESSOR
from hypervisor.vcpu.svm.nested_paging import second_level_largest_leaf, second_level_leaf, second_level_table
from hypervisor.vcpu.svm.permission_maps import FREE_MSRS, fill_permission_maps
from hypervisor.vcpu.svm.registers import vcpu_rflags, vcpu_set_dr7, vcpu_set_rflags
from hypervisor.vcpu.svm.reset import vcpu_reset_registers
from hypervisor.vcpu.svm.saved_msrs import vcpu_read_saved_msr, vcpu_set_tsc_offset, vcpu_write_saved_msr
from hypervisor.vcpu.svm.segments import vcpu_read_segment, vcpu_write_segment
from hypervisor.vcpu.svm.state import SVM, control_of, save_of, svm_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from tests.played_guest.machine import VM, everywhere, new_machine

SEGMENT = storage(Segment)
MCE = 1 << 6
MACHINE = {
    (0x8000_0000, 0): (0x8000_000A, 0, 0, 0),
    (0x8000_0001, 0): (0, 0, 1 << 2, 1 << 20),
    (0x8000_000A, 0): (1, 16, 0, 0b100_1001),
    (1, 0): (0x0080_0F12, 0, 1 << 26, 0),
}


@pytest.fixture
def vcpu():
    PROCESSOR.reset()
    return new_machine()


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, Capability.PRESENT),
        ({(0x8000_0000, 0): (0x8000_0008, 0, 0, 0)}, Capability.VIRTUALIZATION),
        ({(0x8000_0001, 0): (0, 0, 0, 1 << 20)}, Capability.VIRTUALIZATION),
        ({"vm_cr": 1 << 4}, Capability.FIRMWARE_LOCK),
        ({(0x8000_000A, 0): (1, 16, 0, 0b100_1000)}, Capability.SECOND_LEVEL_PAGING),
        ({(0x8000_0001, 0): (0, 0, 1 << 2, 0)}, Capability.NO_EXECUTE),
        ({(1, 0): (0, 0, 0, 0)}, Capability.XSAVE),
    ],
)
def test_what_a_machine_lacks_is_named(vcpu, changes, missing):
    host.cpu.cpuid_leaves.update(MACHINE)
    host.cpu.msrs[0xC001_0114] = changes.get("vm_cr", 0)
    host.cpu.cpuid_leaves.update({k: v for k, v in changes.items() if k != "vm_cr"})
    assert vendor_missing_capability() == missing


def test_features_are_those_of_the_machine(vcpu):
    host.cpu.cpuid_leaves.update(MACHINE)
    host.cpu.msrs[0xC001_0114] = 0
    vendor_missing_capability()
    assert (SVM.next_rip, SVM.flush_by_asid, int(SVM.asids)) == (True, True, 16)


def test_a_new_vcpu_is_as_after_power_up(vcpu):
    save, control = save_of(vcpu), control_of(vcpu)
    assert (save.cs.selector, save.cs.base, save.cs.limit, save.rip) == (0xF000, 0xFFFF_0000, 0xFFFF, 0xFFF0)
    assert (save.cr0, save.cr4, save.rflags, save.dr6, save.dr7) == (0x6000_0010, 0, 2, 0xFFFF_0FF0, 0x400)
    assert save.efer == 1 << 12 and save.pat == 0x0007_0406_0007_0406 and save.cpl == 0
    assert vcpu.regs.rdx == 0x0080_0F12
    assert control.nested_paging == 1 and control.nested_cr3 == Hpa(0x7000)
    assert control.intercept_svm & 1 == 1
    assert control.intercept_events & (0b11 << 27 | 1 << 31) == 0b11 << 27 | 1 << 31


def test_reset_forgets_events_and_nmi_blocking(vcpu):
    state, control = svm_of(vcpu), control_of(vcpu)
    state.nmi_blocked = state.nmi_window = state.iret_pending = True
    control.interrupt_shadow, control.event_injection = 1, 0x8000_0030
    control.virtual_interrupt = VirtualInterrupt(irq=True, vector=u8(0x30))
    control.intercept_events = control.intercept_events | 1 << 4
    save_of(vcpu).kernel_gs_base = 5
    vcpu_reset_registers(vcpu)
    assert not (state.nmi_blocked or state.nmi_window or state.iret_pending)
    assert control.interrupt_shadow == 0 and control.event_injection == 0 and save_of(vcpu).kernel_gs_base == 0
    assert control.virtual_interrupt == VirtualInterrupt(masking=True) and control.intercept_events & 1 << 4 == 0


@pytest.mark.parametrize("loaded", [False, True])
def test_reset_clears_the_breakpoints_also_of_a_vcpu_that_is_loaded(vcpu, loaded):
    state = svm_of(vcpu)
    if loaded:
        load(vcpu)
    for number in range(4):
        setattr(state, f"dr{number}", 5)
    for write in (write_dr0, write_dr1, write_dr2, write_dr3):
        write(u64(7))
    vcpu_reset_registers(vcpu)
    assert (state.dr0, state.dr1, state.dr2, state.dr3) == (0, 0, 0, 0)
    assert [read() for read in (read_dr0, read_dr1, read_dr2, read_dr3)] == [0 if loaded else 7] * 4


@pytest.mark.parametrize("host_bit", [0, MCE])
@everywhere
def test_the_hosts_machine_check_bit_is_not_the_guests(run, vcpu, host_bit):
    write_cr4(u64(host_bit))
    for value in (0x20, 0x20 | MCE, 0x20):
        vcpu_set_cr(vcpu, u32(4), u64(value))
        assert save_of(vcpu).cr4 == value | host_bit
        assert run(vcpu_cr, vcpu, u32(4)) == value
        assert (control_of(vcpu).intercept_cr & 1 << 4 != 0) == (value | host_bit != value)


@pytest.mark.parametrize("name", SegmentName)
@pytest.mark.parametrize("rights", [0x93, 0xF3, 0xA09B, 0xC09B, 0x8B, 0xF0F3, 0x1_0000])
def test_segments_survive_the_round_trip(vcpu, name, rights):
    SEGMENT.selector, SEGMENT.base, SEGMENT.limit = 0x28, 0xFFFF_8000_1234_5678, 0x1_2345
    SEGMENT.rights = SegmentRights.of(u32(rights))
    vcpu_write_segment(vcpu, name, SEGMENT)
    SEGMENT.zero()
    vcpu_read_segment(vcpu, name, SEGMENT)
    assert (SEGMENT.selector, SEGMENT.base, SEGMENT.limit) == (0x28, 0xFFFF_8000_1234_5678, 0x1_2345)
    assert int(u32(SEGMENT.rights)) == rights
    if name == SegmentName.SS:
        assert save_of(vcpu).cpl == rights >> 5 & 3


def test_attributes_are_the_descriptors_bits_packed(vcpu):
    SEGMENT.zero()
    SEGMENT.rights = SegmentRights(type=u8(11), is_code_or_data=True, present=True, long=True, granularity=True)
    vcpu_write_segment(vcpu, SegmentName.CS, SEGMENT)
    assert save_of(vcpu).cs.attributes == 0xA9B


def test_svme_is_the_monitors_secret(vcpu):
    vcpu_set_efer(vcpu, u64(0x901))
    assert vcpu_efer(vcpu) == 0x901 and save_of(vcpu).efer == 0x1901


@pytest.mark.parametrize(
    ("cr0", "efer", "lma"), [(0x8000_0011, 0x100, True), (0x11, 0x100, False), (0x8000_0011, 0, False)]
)
def test_lma_follows_lme_and_paging(vcpu, cr0, efer, lma):
    vcpu_set_efer(vcpu, u64(efer))
    vcpu_set_cr(vcpu, u32(0), u64(cr0))
    assert (vcpu_efer(vcpu) & 1 << 10 != 0) == lma
    vcpu_set_cr(vcpu, u32(0), u64(0x11))
    assert vcpu_efer(vcpu) & 1 << 10 == 0


@pytest.mark.parametrize("number", [0, 2, 3, 4])
def test_control_registers_read_as_written(vcpu, number):
    vcpu_set_cr(vcpu, u32(number), u64(0x1234_5001))
    assert vcpu_cr(vcpu, u32(number)) == 0x1234_5001


def test_fixed_bits_of_rflags_and_dr7(vcpu):
    vcpu_set_rflags(vcpu, u64(0xFFFF_FFFF_FFFF_FFFF))
    assert vcpu_rflags(vcpu) == 0x3F_7FD7
    vcpu_set_rflags(vcpu, u64(0))
    assert vcpu_rflags(vcpu) == 2
    vcpu_set_dr7(vcpu, u64(0xFFFF_0000_0000_0001))
    assert save_of(vcpu).dr7 == 0x401


MSRS = (0x174, 0x175, 0x176, 0x277, *range(0xC000_0081, 0xC000_0085), *range(0xC000_0100, 0xC000_0103))


@everywhere
def test_each_saved_msr_has_a_place_of_its_own(run, vcpu):
    for i, msr in enumerate(MSRS):
        run(vcpu_write_saved_msr, vcpu, u32(msr), u64(i + 1))
    assert [int(run(vcpu_read_saved_msr, vcpu, u32(msr))) for msr in MSRS] == list(range(1, len(MSRS) + 1))
    before = bytes(host.memory.read(svm_of(vcpu).vmcb_physical, 4096))
    run(vcpu_write_saved_msr, vcpu, u32(0x1D9), u64(99))
    assert run(vcpu_read_saved_msr, vcpu, u32(0x1D9)) == 0
    assert host.memory.read(svm_of(vcpu).vmcb_physical, 4096) == before


def test_the_guests_clock_is_the_hosts_plus_an_offset(vcpu):
    vcpu_set_tsc_offset(vcpu, u64(0xFFFF_FFFF_0000_0000))
    assert control_of(vcpu).tsc_offset == 0xFFFF_FFFF_0000_0000


def apm_position(msr):
    """APM vol. 2, 15.11: two bits for each MSR, the lower for reads."""
    for first, byte in ((0, 0), (0xC000_0000, 0x800), (0xC001_0000, 0x1000)):
        if first <= msr < first + 0x2000:
            return byte * 8 + (msr - first) * 2
    return None


def test_only_the_switched_msrs_pass_the_permission_map(vcpu):
    base = host.memory.allocate(5 * 4096)
    fill_permission_maps(base)
    maps = host.memory.read(base, 5 * 4096)
    assert maps[: 3 * 4096] == b"\xff" * 3 * 4096
    bits = int.from_bytes(maps[3 * 4096 :], "little")
    free = sum(3 << apm_position(msr) for msr in FREE_MSRS)
    assert bits == (1 << 8 * 2 * 4096) - 1 & ~free
    assert set(FREE_MSRS) <= set(MSRS)


def test_the_maps_are_made_once(vcpu):
    from hypervisor.vcpu.svm.state import MAPS

    host.cpu.msrs.update({0xC000_0080: 0xD00, 0xC001_0117: 0})
    MAPS.base = host.memory.allocate(5 * 4096)
    assert vendor_enable_cpu(Hpa(0x9000)) == Capability.PRESENT
    assert host.cpu.msrs[0xC000_0080] == 0x1D00 and host.cpu.msrs[0xC001_0117] == 0x9000


@pytest.mark.parametrize(
    ("rights", "level", "bits"),
    [
        (AccessRights.READ_WRITE_EXECUTE, 1, 0x67),
        (AccessRights.READ_WRITE_EXECUTE, 2, 0xE7),
        (AccessRights.READ_WRITE, 3, 0xE7 | 1 << 63),
        (AccessRights.READ, 1, 0x65 | 1 << 63),
    ],
)
def test_nested_leaves_are_user_pages(rights, level, bits):
    assert int(second_level_leaf(Hpa(0x12_4000_0000), rights, u32(level))) == 0x12_4000_0000 | bits


def test_nested_tables_restrict_nothing():
    assert int(second_level_table(Hpa(0x5000))) == 0x5027
    assert second_level_largest_leaf() == 2


def test_debug_registers_change_places_with_their_vcpus(vcpu):
    other = VCPUS[1]
    other.vm = VM
    vcpu_create(other, host.memory.allocate(4 * 4096), Hpa(0x8000))
    load(vcpu)
    host.cpu.debug.update({0: 10, 1: 11, 2: 12, 3: 13})
    load(other)
    assert [host.cpu.debug[i] for i in range(4)] == [0, 0, 0, 0]
    load(vcpu)
    assert [host.cpu.debug[i] for i in range(4)] == [10, 11, 12, 13]
    assert PROCESSOR.saved == [int(svm_of(v).host_physical) for v in (vcpu, other, vcpu)]
    load(vcpu)
    assert len(PROCESSOR.saved) == 3
