from __future__ import annotations

import pytest

from codegen.lang import u8, u16
from hypervisor.exits.control import access_control_register
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.exit import CrAccess
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vm.lapic_window import read_task_priority
from tests.played_guest.machine import VM, everywhere, new_machine, set_mode

PG, PE, CD, NW, WP = 1 << 31, 1, 1 << 30, 1 << 29, 1 << 16


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x20_0000)
    VM.cpuid.cr4_allowed = 0x6F8
    return vcpu


def write(vcpu, run, register, value):
    """Whether MOV to the control register was accepted."""
    vcpu.regs.rbx = value
    vcpu.exit.control_register = CrAccess(register=u8(register), is_write=True, gpr=u8(3))
    vcpu.pending = vcpu.pending.replace(valid=False)
    resume = run(access_control_register, vcpu)
    assert (resume == Resume.SAME_INSTRUCTION) == vcpu.pending.valid
    return resume == Resume.NEXT_INSTRUCTION


@everywhere
@pytest.mark.parametrize(
    ("cr0", "accepted"),
    [
        (PG | PE, True),
        (PG | PE | CD | NW, True),
        (PG, False),
        (PG | PE | NW, False),
        (1 << 32 | PG | PE, False),
        (PG | PE | 1 << 27, True),  # undefined bits are ignored
    ],
)
def test_cr0_is_checked_as_the_processor_does(run, vcpu, cr0, accepted):
    assert write(vcpu, run, 0, cr0) == accepted
    assert save_of(vcpu).cr0 == (cr0 & (PG | PE | CD | NW) | 0x10 if accepted else 0x8000_0011)


@everywhere
def test_paging_in_long_mode_needs_pae(run, vcpu):
    save_of(vcpu).cr0, save_of(vcpu).efer, save_of(vcpu).cr4 = 0x11, 0x1100, 0
    assert not write(vcpu, run, 0, PG | PE)
    save_of(vcpu).cr4 = 0x20
    assert write(vcpu, run, 0, PG | PE) and save_of(vcpu).efer == 0x1500


@everywhere
def test_cr4_holds_only_what_cpuid_shows(run, vcpu):
    for bit in range(64):
        if bit != 5:
            assert write(vcpu, run, 4, 0x20 | 1 << bit) == bool(0x6F8 >> bit & 1), bit
    assert not write(vcpu, run, 4, 0x10)  # PAE off in long mode


@everywhere
def test_cr8_is_the_task_priority(run, vcpu):
    for value in (0, 5, 15):
        assert write(vcpu, run, 8, value) and read_task_priority(vcpu) == value
    assert not write(vcpu, run, 8, 16) and not write(vcpu, run, 8, 1 << 63)
    vcpu.exit.control_register = CrAccess(register=u8(8), gpr=u8(15))
    assert run(access_control_register, vcpu) == Resume.NEXT_INSTRUCTION and vcpu.regs.r15 == 15


@everywhere
def test_cr3_refuses_bits_beyond_the_physical_address(run, vcpu):
    assert write(vcpu, run, 3, 0x5000) and save_of(vcpu).cr3 == 0x5000
    assert not write(vcpu, run, 3, 1 << 52) and not write(vcpu, run, 3, 1 << 63)


@everywhere
def test_the_stack_pointer_is_an_operand_too(run, vcpu):
    save_of(vcpu).rsp = 0x7000
    vcpu.exit.control_register = CrAccess(register=u8(3), is_write=True, gpr=u8(4))
    assert run(access_control_register, vcpu) == Resume.NEXT_INSTRUCTION and save_of(vcpu).cr3 == 0x7000


@everywhere
def test_clts_and_lmsw_change_their_bits_only(run, vcpu):
    save_of(vcpu).cr0 = PG | PE | WP | 0x1E
    vcpu.exit.control_register = CrAccess(is_clts=True)
    run(access_control_register, vcpu)
    assert save_of(vcpu).cr0 == PG | PE | WP | 0x16
    vcpu.exit.control_register = CrAccess(is_lmsw=True, lmsw_source=u16(0xFFF8))
    run(access_control_register, vcpu)
    assert save_of(vcpu).cr0 == PG | PE | WP | 0x18  # PE stays, MP and EM go, TS comes
