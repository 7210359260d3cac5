from __future__ import annotations

import pytest

from codegen.lang import host, rdtsc, u8, u32, u64
from hypervisor.time.host_timer import TIMER
from hypervisor.vcpu.event import Event, EventType
from hypervisor.vcpu.svm.inject import inject
from hypervisor.vcpu.svm.interruptibility import (
    HLT,
    note_shadow,
    vcpu_can_take_interrupt,
    vcpu_request_interrupt_window,
)
from hypervisor.vcpu.svm.nmi import see_iret, vcpu_can_take_nmi, vcpu_request_nmi_window
from hypervisor.vcpu.svm.skip import vcpu_skip_instruction
from hypervisor.vcpu.svm.state import control_of, save_of
from hypervisor.vcpu.svm.vmcb import VirtualInterrupt
from hypervisor.vcpu.vcpu import INTERRUPT_WORK
from tests.played_guest.machine import everywhere, in_cpython, new_machine, put, set_mode

INTERRUPT = Event(vector=u8(0x30), type=EventType.INTERRUPT, valid=True)
TSC_DEADLINE = 0x6E0
NMI = Event(vector=u8(2), type=EventType.NMI, valid=True)


@pytest.fixture
def vcpu():
    vcpu = new_machine()
    set_mode(vcpu, 32, 0x1000)
    return vcpu


OFFERED = VirtualInterrupt(masking=True, irq=True, ignore_tpr=True, priority=u8(15), vector=u8(0x30))
TAKEN = OFFERED.replace(irq=False)


def offer(vcpu, run=in_cpython):
    vcpu.pending = INTERRUPT
    run(inject, vcpu)


@everywhere
def test_an_interrupt_is_offered_as_a_virtual_one_and_not_by_event_injection(run, vcpu):
    before = control_of(vcpu).intercept_events
    offer(vcpu, run)
    assert control_of(vcpu).virtual_interrupt == OFFERED and control_of(vcpu).intercept_events == before
    assert control_of(vcpu).event_injection == 0
    assert not vcpu.pending.valid


@everywhere
def test_nothing_is_taken_while_an_interrupt_is_offered_but_an_exception_or_nmi_may_go_first(run, vcpu):
    save_of(vcpu).rflags = 0x202
    offer(vcpu, run)
    assert not run(vcpu_can_take_interrupt, vcpu) and vcpu_can_take_nmi(vcpu)
    vcpu.pending = NMI
    run(inject, vcpu)
    assert control_of(vcpu).event_injection == 0x8000_0202 and control_of(vcpu).virtual_interrupt == OFFERED
    control_of(vcpu).virtual_interrupt = TAKEN
    assert run(vcpu_can_take_interrupt, vcpu)


@pytest.mark.parametrize("offered", [False, True])
def test_the_window_for_one_more_interrupt_is_looked_for_soon_behind_the_one_on_its_way(vcpu, offered):
    save_of(vcpu).rflags = 0x202
    vcpu.deadline, vcpu.pending = u64(1 << 62), INTERRUPT
    vcpu.work.store(u32(0))
    TIMER.by_deadline, host.cpu.msrs[TSC_DEADLINE] = True, 0
    if offered:
        inject(vcpu)
    now = rdtsc()
    vcpu_request_interrupt_window(vcpu, True)
    assert vcpu.work.load() == INTERRUPT_WORK
    assert control_of(vcpu).intercept_events & 1 << 4 == 0
    assert 0 < host.cpu.msrs[TSC_DEADLINE] - now < 200_000
    assert offered == (control_of(vcpu).virtual_interrupt == OFFERED)
    vcpu_request_interrupt_window(vcpu, False)
    assert offered == (control_of(vcpu).virtual_interrupt == OFFERED)


@everywhere
def test_an_interrupt_takes_the_place_of_a_window(run, vcpu):
    before = control_of(vcpu).intercept_events
    save_of(vcpu).rflags = 2
    vcpu_request_interrupt_window(vcpu, True)
    save_of(vcpu).rflags = 0x202
    assert run(vcpu_can_take_interrupt, vcpu)
    offer(vcpu, run)
    assert control_of(vcpu).virtual_interrupt == OFFERED and control_of(vcpu).intercept_events == before


@everywhere
def test_an_offered_interrupt_is_taken_back_at_the_halt_behind_sti_and_offered_behind_it(run, vcpu):
    put(0x1000, bytes([HLT]))
    save_of(vcpu).rflags = 0x202
    offer(vcpu, run)
    control_of(vcpu).interrupt_shadow = 1
    run(note_shadow, vcpu)
    assert vcpu.pending == INTERRUPT and not control_of(vcpu).virtual_interrupt.irq
    run(inject, vcpu)
    assert vcpu.pending == INTERRUPT and not control_of(vcpu).virtual_interrupt.irq
    save_of(vcpu).rip = 0x1001
    run(inject, vcpu)
    assert not vcpu.pending.valid and control_of(vcpu).virtual_interrupt == OFFERED


@everywhere
def test_an_offered_interrupt_in_a_shadow_stays_behind_an_exception(run, vcpu):
    offer(vcpu, run)
    vcpu.pending = Event(vector=u8(14), type=EventType.EXCEPTION, valid=True)
    control_of(vcpu).interrupt_shadow = 1
    run(note_shadow, vcpu)
    assert vcpu.pending.vector == 14 and control_of(vcpu).virtual_interrupt == OFFERED


@pytest.mark.parametrize(("mode", "word"), [(32, 0x18_8000_0B0D), (16, 0x18_8000_030D)])
def test_only_protected_mode_takes_an_error_code(vcpu, mode, word):
    set_mode(vcpu, mode)
    vcpu.pending = Event(vector=u8(13), type=EventType.EXCEPTION, has_error=True, valid=True)
    vcpu.pending_error = 0x18
    inject(vcpu)
    assert control_of(vcpu).event_injection == word


@pytest.mark.parametrize(
    ("rflags", "shadow", "interrupt", "nmi"), [(0x202, 0, True, True), (2, 0, False, True), (0x202, 1, False, False)]
)
def test_what_the_guest_can_take(vcpu, rflags, shadow, interrupt, nmi):
    save_of(vcpu).rflags, control_of(vcpu).interrupt_shadow = rflags, shadow
    assert vcpu_can_take_interrupt(vcpu) == interrupt
    assert vcpu_can_take_nmi(vcpu) == nmi


def test_an_interrupt_waits_at_the_halt_behind_sti_though_the_shadow_is_forgotten(vcpu):
    # The guest has run up to HLT behind STI; its next exits report no shadow, as QEMU's do.
    put(0x1000, bytes([HLT]))
    save_of(vcpu).rflags = 0x202
    assert vcpu_can_take_interrupt(vcpu)
    control_of(vcpu).interrupt_shadow = 1
    assert not vcpu_can_take_interrupt(vcpu)
    control_of(vcpu).interrupt_shadow = 0
    before = control_of(vcpu).intercept_events
    vcpu.work.store(u32(0))
    assert not vcpu_can_take_interrupt(vcpu)
    vcpu_request_interrupt_window(vcpu, True)
    assert control_of(vcpu).intercept_events == before and vcpu.work.load() == INTERRUPT_WORK
    save_of(vcpu).rip = 0x2000
    assert vcpu_can_take_interrupt(vcpu)


def test_nothing_more_fits_while_an_event_is_pending(vcpu):
    save_of(vcpu).rflags = 0x202
    vcpu.pending = Event(vector=u8(6), type=EventType.EXCEPTION, valid=True)
    assert not vcpu_can_take_interrupt(vcpu) and not vcpu_can_take_nmi(vcpu)


def test_an_interrupt_window_is_an_intercepted_virtual_interrupt(vcpu):
    control = control_of(vcpu)
    before = control.intercept_events
    vcpu_request_interrupt_window(vcpu, True)
    asked = control.virtual_interrupt
    assert asked.irq and asked.ignore_tpr and asked.priority == 15 and asked.masking
    assert control.intercept_events == before | 1 << 4
    vcpu_request_interrupt_window(vcpu, False)
    assert control.virtual_interrupt == VirtualInterrupt(masking=True) and control.intercept_events == before


def test_an_nmi_blocks_the_next_until_its_iret_is_done(vcpu):
    vcpu.pending = NMI
    inject(vcpu)
    assert not vcpu_can_take_nmi(vcpu)
    assert control_of(vcpu).intercept_events & 1 << 20 != 0
    see_iret(vcpu)
    assert control_of(vcpu).intercept_events & 1 << 20 == 0
    assert not vcpu_can_take_nmi(vcpu)
    save_of(vcpu).rip = 0x2000
    assert vcpu_can_take_nmi(vcpu)


def test_skipping_advances_rip_and_ends_the_shadow(vcpu):
    control_of(vcpu).interrupt_shadow = 1
    vcpu.exit.instruction_length = 3
    vcpu_skip_instruction(vcpu)
    assert save_of(vcpu).rip == 0x1003 and control_of(vcpu).interrupt_shadow == 0
    assert not vcpu.pending.valid


@pytest.mark.parametrize(("mode", "after"), [(64, 0x1_0000_0001), (32, 1)])
def test_eip_wraps_outside_64_bit_code(vcpu, mode, after):
    set_mode(vcpu, mode, 0xFFFF_FFFF)
    vcpu.exit.instruction_length = 2
    vcpu_skip_instruction(vcpu)
    assert save_of(vcpu).rip == after


def test_a_skipped_instruction_single_steps(vcpu):
    save_of(vcpu).rflags = 0x102
    vcpu.exit.instruction_length = 2
    vcpu_skip_instruction(vcpu)
    assert vcpu.pending == Event(vector=u8(1), type=EventType.EXCEPTION, valid=True)
    assert save_of(vcpu).dr6 & 1 << 14 != 0


def test_a_pending_event_goes_before_a_single_step(vcpu):
    save_of(vcpu).rflags = 0x102
    vcpu.pending = NMI
    vcpu_skip_instruction(vcpu)
    assert vcpu.pending == NMI


def test_a_window_that_is_given_up_is_gone(vcpu):
    from hypervisor.vcpu.svm.state import svm_of

    vcpu_request_nmi_window(vcpu, True)
    vcpu_request_nmi_window(vcpu, False)
    assert not svm_of(vcpu).nmi_window
