from __future__ import annotations

import pytest

from hypervisor.exits.registry import Resume
from hypervisor.exits.unhandled import stop_on_failed_entry, stop_on_unhandled_exit
from hypervisor.vcpu.svm.state import save_of, svm_of
from hypervisor.vcpu.vcpu import Vcpu, VcpuState
from hypervisor.vm.vm import StopReason, VmState
from tests.played_guest.log import MonitorLog
from tests.played_guest.machine import VM, everywhere, new_machine, set_mode, stop_ordered

UNDEFINED_OPCODE = 6


@pytest.fixture
def vcpu() -> Vcpu:
    vcpu = new_machine()
    set_mode(vcpu, 64, 0x20_0000)
    VM.state = VmState.RUNNING
    vcpu.state = VcpuState.RUNNABLE
    vcpu.exit.hardware_reason, vcpu.exit.qualification = 0x7F, 0x1234
    return vcpu


@everywhere
def test_an_unknown_exit_of_a_kernel_stops_its_vm_with_a_dump(run, vcpu):
    log = MonitorLog()
    vcpu.regs.r13 = 0xFEED
    assert run(stop_on_unhandled_exit, vcpu) == Resume.YIELD
    assert (stop_ordered(VM), vcpu.state) == (StopReason.CRASHED, VcpuState.STOPPED)
    assert "exit 0x7f (qualification 0x1234) is not handled" in log.lines()[0]
    dump = "\n".join(log.lines()[1:])
    assert "rip 0000000000200000" in dump and "r13 000000000000feed" in dump and "CS" in dump


@everywhere
def test_an_unknown_exit_of_user_code_is_an_undefined_opcode(run, vcpu):
    save_of(vcpu).cpl = 3
    assert run(stop_on_unhandled_exit, vcpu) == Resume.SAME_INSTRUCTION
    assert vcpu.pending.valid and vcpu.pending.vector == UNDEFINED_OPCODE
    assert stop_ordered(VM) is None


@everywhere
def test_a_refused_entry_names_the_rule_that_is_broken(run, vcpu):
    log = MonitorLog()
    svm_of(vcpu).vmcb.control.asid = 0
    assert run(stop_on_failed_entry, vcpu) == Resume.YIELD
    assert stop_ordered(VM) == StopReason.ENTRY_FAILED
    assert [line for line in log.lines() if "15.5.1" in line] == ["  APM vol. 2, 15.5.1: ASID is zero"]


@everywhere
def test_a_refused_entry_without_a_known_cause_says_so(run, vcpu):
    log = MonitorLog()
    svm_of(vcpu).vmcb.control.asid = 1
    run(stop_on_failed_entry, vcpu)
    assert "  no rule of APM vol. 2, 15.5.1 that we know is broken" in log.lines()
