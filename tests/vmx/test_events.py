from __future__ import annotations

import pytest

from codegen.lang import host, u8, u32, u64
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.exit import ExitKind
from hypervisor.vcpu.vmx import fields
from hypervisor.vcpu.vmx.deadline import arm_preemption_timer, vcpu_set_deadline, vcpu_set_tsc_offset
from hypervisor.vcpu.vmx.entry import vcpu_run
from hypervisor.vcpu.vmx.inject import inject
from hypervisor.vcpu.vmx.interruptibility import (
    vcpu_can_take_interrupt,
    vcpu_can_take_nmi,
    vcpu_request_interrupt_window,
    vcpu_request_nmi_window,
)
from hypervisor.vcpu.vmx.skip import vcpu_skip_instruction


def write(machine, **values):
    machine.processor.vmcs.fields.update({getattr(fields, name).encoding: value for name, value in values.items()})


def test_an_interrupt_is_injected_once(vcpu):
    vcpu.pending = Event(vector=u8(0x30), type=EventType.INTERRUPT, valid=True)
    inject(vcpu)
    assert fields.ENTRY_INTERRUPTION.read() == 0x8000_0030
    assert not vcpu.pending.valid


def test_an_exception_takes_its_error_code_in_protected_mode(machine, vcpu):
    write(machine, GUEST_CR0=0x31)
    vcpu.pending = Event(vector=u8(13), type=EventType.EXCEPTION, has_error=True, valid=True)
    vcpu.pending_error = 0x18
    inject(vcpu)
    assert fields.ENTRY_INTERRUPTION.read() == 0x8000_0B0D
    assert fields.ENTRY_ERROR_CODE.read() == 0x18


def test_real_mode_takes_no_error_code(vcpu):
    vcpu.pending = Event(vector=u8(13), type=EventType.EXCEPTION, has_error=True, valid=True)
    inject(vcpu)
    assert fields.ENTRY_INTERRUPTION.read() == 0x8000_030D


def test_a_software_event_takes_its_instruction_length(vcpu):
    vcpu.pending = Event(vector=u8(3), type=EventType.SOFTWARE_EXCEPTION, valid=True)
    vcpu.pending_length = 1
    inject(vcpu)
    assert fields.ENTRY_INTERRUPTION.read() == 0x8000_0603
    assert fields.ENTRY_INSTRUCTION_LENGTH.read() == 1


@pytest.mark.parametrize(
    ("rflags", "blocking", "interrupt", "nmi"),
    [
        (0x202, 0, True, True),
        (2, 0, False, True),
        (0x202, 1, False, False),
        (0x202, 2, False, False),
        (0x202, 8, True, False),
    ],
)
def test_what_the_guest_can_take(machine, vcpu, rflags, blocking, interrupt, nmi):
    write(machine, GUEST_RFLAGS=rflags, GUEST_INTERRUPTIBILITY=blocking)
    assert vcpu_can_take_interrupt(vcpu) == interrupt
    assert vcpu_can_take_nmi(vcpu) == nmi


def test_nothing_more_fits_while_an_event_is_pending(machine, vcpu):
    write(machine, GUEST_RFLAGS=0x202)
    vcpu.pending = Event(vector=u8(6), type=EventType.EXCEPTION, valid=True)
    assert not vcpu_can_take_interrupt(vcpu)
    assert not vcpu_can_take_nmi(vcpu)


def test_windows_are_asked_for_and_given_up(vcpu):
    before = fields.PRIMARY_CONTROLS.read()
    vcpu_request_interrupt_window(vcpu, True)
    vcpu_request_nmi_window(vcpu, True)
    assert fields.PRIMARY_CONTROLS.read() == before | 1 << 2 | 1 << 22
    vcpu_request_interrupt_window(vcpu, False)
    vcpu_request_nmi_window(vcpu, False)
    assert fields.PRIMARY_CONTROLS.read() == before


def test_skipping_advances_rip_and_ends_the_shadow(machine, vcpu):
    write(machine, GUEST_RIP=0x1000, GUEST_INTERRUPTIBILITY=9, GUEST_RFLAGS=0x202)
    vcpu.exit.instruction_length = 2
    vcpu_skip_instruction(vcpu)
    assert fields.GUEST_RIP.read() == 0x1002
    assert fields.GUEST_INTERRUPTIBILITY.read() == 8
    assert fields.GUEST_PENDING_DEBUG.read() == 0


@pytest.mark.parametrize(
    ("efer", "rights", "expected"), [(0, 0xC09B, 1), (0x500, 0xA09B, 0x1_0000_0001), (0x500, 0xC09B, 1)]
)
def test_eip_wraps_outside_64_bit_code(machine, vcpu, efer, rights, expected):
    write(machine, GUEST_RIP=0xFFFF_FFFF, GUEST_EFER=efer, GUEST_CS_RIGHTS=rights)
    vcpu.exit.instruction_length = 2
    vcpu_skip_instruction(vcpu)
    assert fields.GUEST_RIP.read() == expected


@pytest.mark.parametrize(("debugctl", "pending"), [(0, 0x4000), (2, 0)])
def test_a_skipped_instruction_single_steps(machine, vcpu, debugctl, pending):
    write(machine, GUEST_RFLAGS=0x102, GUEST_DEBUGCTL=debugctl)
    vcpu.exit.instruction_length = 2
    vcpu_skip_instruction(vcpu)
    assert fields.GUEST_PENDING_DEBUG.read() == pending


@pytest.mark.parametrize(
    ("ahead", "shift", "value"), [(3200, 5, 100), (31, 5, 0), (-1, 0, 0), (1 << 60, 0, 0xFFFF_FFFF), (3200, 0, 3200)]
)
def test_the_timer_is_never_late(machine, vcpu, ahead, shift, value):
    from hypervisor.vcpu.vmx.state import FEATURES

    FEATURES.timer_shift = shift
    host.cpu.tsc, host.cpu.tsc_step = 1_000_000, 0
    vcpu_set_deadline(vcpu, u64(1_000_000 + ahead))
    arm_preemption_timer(vcpu)
    assert fields.PREEMPTION_TIMER.read() == u32(value)


def test_a_vcpu_whose_deadline_has_passed_is_not_entered_and_keeps_its_event(machine, vcpu):
    host.cpu.tsc, host.cpu.tsc_step = 1_000_000, 0
    vcpu.pending = Event(vector=u8(0x40), type=EventType.INTERRUPT, valid=True)
    vcpu_set_deadline(vcpu, u64(1_000_000))
    assert vcpu_run(vcpu) == ExitKind.PREEMPTION
    assert vcpu.pending.valid


def test_the_guests_clock_is_the_hosts_plus_an_offset(vcpu):
    vcpu_set_tsc_offset(vcpu, u64(0xFFFF_FFFF_FFFF_0000))
    assert vcpu.tsc_offset == 0xFFFF_FFFF_FFFF_0000
    assert fields.TSC_OFFSET.read() == 0xFFFF_FFFF_FFFF_0000
