from __future__ import annotations

import pytest

from codegen.lang import u32
from hypervisor.exits.hlt import halt, pause_loop
from hypervisor.exits.interrupts import nmi_window
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.svm.state import save_of
from hypervisor.vcpu.vcpu import Vcpu, VcpuState, VcpuWork
from tests.played_guest.machine import everywhere, new_machine, set_mode

RIP = 0x20_0000


@pytest.fixture
def vcpu() -> Vcpu:
    vcpu = new_machine()
    set_mode(vcpu, 64, RIP)
    vcpu.state = VcpuState.RUNNABLE
    vcpu.exit.instruction_length = 2
    return vcpu


@everywhere
def test_an_nmi_window_has_the_nmi_offered_before_the_next_entry(run, vcpu):
    assert run(nmi_window, vcpu) == Resume.SAME_INSTRUCTION
    assert VcpuWork.of(vcpu.work.load()).nmi


@everywhere
def test_a_spin_loop_gives_its_turn_away_behind_pause(run, vcpu):
    assert run(pause_loop, vcpu) == Resume.YIELD
    assert vcpu.state == VcpuState.RUNNABLE
    assert save_of(vcpu).rip == RIP + 2


@everywhere
def test_hlt_sleeps_behind_itself(run, vcpu):
    assert run(halt, vcpu) == Resume.YIELD
    assert vcpu.state == VcpuState.HALTED
    assert save_of(vcpu).rip == RIP + 2


@everywhere
def test_hlt_does_not_sleep_through_an_nmi_although_interrupts_are_off(run, vcpu):
    save_of(vcpu).rflags = 2
    vcpu.work.store(u32(VcpuWork(nmi=True)))
    assert run(halt, vcpu) == Resume.NEXT_INSTRUCTION
    assert vcpu.state == VcpuState.RUNNABLE
