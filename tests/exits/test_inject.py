from __future__ import annotations

import pytest

from codegen.lang import u8, u32
from hypervisor.exits.inject import queue_exception
from hypervisor.exits.registry import Resume
from hypervisor.vcpu.event import Event, EventType, error_code_vectors
from hypervisor.vcpu.vcpu import VcpuState
from hypervisor.vm.vm import StopReason
from tests.played_guest.machine import everywhere, new_machine, set_mode, stop_ordered

DE, DB, NMI, BP, UD, DF, TS, NP, SS, GP, PF, AC = 0, 1, 2, 3, 6, 8, 10, 11, 12, 13, 14, 17
BENIGN = (DB, BP, UD, AC)
CONTRIBUTORY = (DE, TS, NP, SS, GP)


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x20_0000)
    return vcpu


def on_its_way(vcpu, vector, kind=EventType.EXCEPTION):
    vcpu.pending = Event(vector=u8(vector), type=kind, has_error=vector in error_code_vectors(), valid=True)
    vcpu.pending_error = 0x77


def queued(vcpu, run, vector, error=0x28):
    assert run(queue_exception, vcpu, u32(vector), u32(error)) == Resume.SAME_INSTRUCTION
    assert vcpu.pending.valid and vcpu.pending.type == EventType.EXCEPTION
    return int(vcpu.pending.vector), int(vcpu.pending_error)


@everywhere
@pytest.mark.parametrize("vector", [*BENIGN, *CONTRIBUTORY, PF])
def test_an_exception_alone_is_queued_with_its_error_code(run, vcpu, vector):
    assert queued(vcpu, run, vector) == (vector, 0x28)
    assert vcpu.pending.has_error == (vector in error_code_vectors())


@everywhere
@pytest.mark.parametrize("second", CONTRIBUTORY)
@pytest.mark.parametrize("first", [*CONTRIBUTORY, PF])
def test_a_contributory_exception_behind_one_or_a_page_fault_is_a_double_fault(run, vcpu, first, second):
    on_its_way(vcpu, first)
    assert queued(vcpu, run, second) == (DF, 0)
    assert vcpu.pending.has_error


@everywhere
def test_a_page_fault_behind_a_page_fault_is_a_double_fault(run, vcpu):
    on_its_way(vcpu, PF)
    assert queued(vcpu, run, PF) == (DF, 0)


@everywhere
@pytest.mark.parametrize("first", CONTRIBUTORY)
def test_a_page_fault_behind_a_contributory_exception_comes_first(run, vcpu, first):
    on_its_way(vcpu, first)
    assert queued(vcpu, run, PF) == (PF, 0x28)


@everywhere
@pytest.mark.parametrize(
    ("first", "second"), [(b, x) for b in BENIGN for x in (DB, GP, PF)] + [(x, b) for x in (GP, PF, DF) for b in BENIGN]
)
def test_with_a_benign_exception_the_second_one_comes_first(run, vcpu, first, second):
    on_its_way(vcpu, first)
    assert queued(vcpu, run, second) == (second, 0x28)


@everywhere
@pytest.mark.parametrize("kind", [EventType.INTERRUPT, EventType.NMI, EventType.SOFTWARE_INTERRUPT])
def test_interrupts_are_benign_whatever_their_vector(run, vcpu, kind):
    on_its_way(vcpu, GP, kind)
    assert queued(vcpu, run, NP) == (NP, 0x28)


@everywhere
@pytest.mark.parametrize("second", [*CONTRIBUTORY, PF])
def test_an_exception_behind_a_double_fault_is_the_end(run, vcpu, second):
    on_its_way(vcpu, DF)
    assert run(queue_exception, vcpu, u32(second), u32(0)) == Resume.YIELD
    assert vcpu.state == VcpuState.STOPPED and stop_ordered(vcpu.vm) == StopReason.TRIPLE_FAULT
