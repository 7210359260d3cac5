from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.lang import storage, u8, u32, u64
from drivers.interrupt.lapic import Lapic
from hypervisor.devices.clock import NEVER
from hypervisor.devices.lapic.base import lapic_base_read, lapic_base_write
from hypervisor.devices.lapic.destination import lapic_is_addressed
from hypervisor.devices.lapic.local import lapic_lint0_edge, lapic_takes_extint
from hypervisor.devices.lapic.mmio import lapic_mmio_read, lapic_mmio_write
from hypervisor.devices.lapic.msr import lapic_msr_read, lapic_msr_write
from hypervisor.devices.lapic.priority import (
    NO_VECTOR,
    lapic_accept,
    lapic_pending_vector,
    lapic_set_task_priority,
    lapic_take_vector,
)
from hypervisor.devices.lapic.public import lapic_seen
from hypervisor.devices.lapic.reset import lapic_enter_virtual_wire, lapic_reset, lapic_reset_registers
from hypervisor.devices.lapic.state import LapicEffect, LapicMode, LocalApic, PublicState
from hypervisor.devices.lapic.timer import lapic_advance_timer, lapic_write_tsc_deadline
from tests.devices.execution import Run, everywhere

LAPIC = storage(LocalApic)
ENABLED, EXTENDED, BSP, BASE = 1 << 11, 1 << 10, 1 << 8, 0xFEE0_0000


def reset(run: Run, apic_id: int = 3, enabled: bool = True) -> None:
    run(lapic_reset, LAPIC, u32(apic_id), True)
    if enabled:
        assert write(run, Lapic.spurious.offset, 0x1FF) == LapicEffect.REACHABLE


def write(run: Run, offset: int, value: int, now: int = 0, width: int = 4) -> LapicEffect:
    effect: LapicEffect = run(lapic_mmio_write, LAPIC, u32(offset), u32(width), u32(value), u64(now))
    return effect


def read(run: Run, offset: int, now: int = 0, width: int = 4) -> int:
    return int(run(lapic_mmio_read, LAPIC, u32(offset), u32(width), u64(now)))


def pending(run: Run) -> int:
    return int(run(lapic_pending_vector, LAPIC))


def enter_x2apic(run: Run) -> None:
    assert run(lapic_base_write, LAPIC, u64(BASE | ENABLED | EXTENDED)) == LapicEffect.EVERYTHING


def write_msr(run: Run, number: int, value: int, now: int = 0) -> LapicEffect:
    effect: LapicEffect = run(lapic_msr_write, LAPIC, u32(number), u64(value), u64(now))
    return effect


class PriorityModel:
    """IRR, ISR and TMR as sets."""

    def __init__(self) -> None:
        self.requested: set[int] = set()
        self.served: set[int] = set()
        self.level: set[int] = set()
        self.task = 0

    @property
    def processor(self) -> int:
        in_service = max(self.served, default=0) & 0xF0
        return self.task if self.task >> 4 >= in_service >> 4 else in_service

    def pending(self) -> int:
        best = max(self.requested, default=0)
        return best if best >> 4 > self.processor >> 4 else NO_VECTOR


ACTION = st.one_of(
    st.tuples(st.just("accept"), st.integers(16, 255), st.booleans()),
    st.tuples(st.just("priority"), st.integers(0, 255), st.booleans()),
    st.tuples(st.just("take"), st.just(0), st.booleans()),
    st.tuples(st.just("eoi"), st.integers(0, 2**32 - 1), st.booleans()),
)


@everywhere
@settings(max_examples=100, deadline=None)
@given(st.lists(ACTION, max_size=60))
def test_priorities_agree_with_sets(run: Run, actions: list[tuple[str, int, bool]]) -> None:
    reset(run)
    model = PriorityModel()
    for kind, number, flag in actions:
        if kind == "accept":
            run(lapic_accept, LAPIC, u32(number), flag)
            model.requested.add(number)
            (model.level.add if flag else model.level.discard)(number)
        elif kind == "priority":
            if flag:
                write(run, Lapic.task_priority.offset, number)
            else:
                run(lapic_set_task_priority, LAPIC, u32(number))
            model.task = number
        elif kind == "take" and model.pending() != NO_VECTOR:
            vector = model.pending()
            run(lapic_take_vector, LAPIC, u32(vector))
            model.requested.discard(vector)
            model.served.add(vector)
        elif kind == "eoi":
            effect = write(run, Lapic.eoi.offset, number)
            if model.served:
                vector = max(model.served)
                model.served.discard(vector)
                assert (effect == LapicEffect.END_OF_INTERRUPT) == (vector in model.level)
                if vector in model.level:
                    assert int(LAPIC.eoi_vector) == vector
            else:
                assert effect == LapicEffect.NONE
        assert pending(run) == model.pending()
        assert read(run, Lapic.processor_priority.offset) == model.processor
    for start, numbers in ((0x100, model.served), (0x180, model.level), (0x200, model.requested)):
        shown = {32 * i + bit for i in range(8) for bit in range(32) if read(run, start + 16 * i) >> bit & 1}
        assert shown == numbers


@everywhere
def test_registers_after_power_up(run: Run) -> None:
    reset(run, enabled=False)
    assert read(run, 0x20) == 3 << 24
    assert read(run, 0x30) == 0x5_0014
    assert read(run, 0xF0) == 0xFF
    assert read(run, 0xE0) == 0xFFFF_FFFF
    for offset in (0x320, 0x330, 0x340, 0x350, 0x360, 0x370):
        assert read(run, offset) == 0x1_0000
    assert int(run(lapic_base_read, LAPIC)) == BASE | ENABLED | BSP


@everywhere
def test_init_forgets_what_was_pending_and_in_service(run: Run) -> None:
    run(lapic_reset, LAPIC, u32(0), True)
    LAPIC.registers.spurious = u32(0x1FF)
    run(lapic_accept, LAPIC, u32(0x41), False)
    run(lapic_take_vector, LAPIC, u32(0x41))
    run(lapic_accept, LAPIC, u32(0x51), False)
    run(lapic_reset_registers, LAPIC)
    assert run(lapic_pending_vector, LAPIC) == NO_VECTOR
    assert (LAPIC.irr_words, LAPIC.isr_words, LAPIC.registers.processor_priority) == (0, 0, 0)


@everywhere
def test_only_aligned_32_bit_writes_reach_a_register(run: Run) -> None:
    reset(run)
    for offset, width in ((0x80, 1), (0x80, 2), (0x80, 8), (0x81, 4), (0x84, 4), (0x8C, 4)):
        assert write(run, offset, 0x55, width=width) == LapicEffect.NONE
    assert read(run, 0x80) == 0
    write(run, 0x80, 0xFFFF_FF40)
    assert read(run, 0x80) == 0x40
    write(run, 0x320, 0x1_0055)
    assert [read(run, 0x320 + i, width=1) for i in range(5)] == [0x55, 0, 1, 0, 0]
    assert read(run, 0x320, width=2) == 0x55
    assert read(run, 0x320, width=8) == 0x1_0055


@everywhere
def test_registers_that_do_not_exist_are_errors_and_esr_shows_them_after_a_write(run: Run) -> None:
    reset(run)
    assert read(run, 0x40) == 0
    assert read(run, 0x280) == 0
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0x80
    write(run, 0x370, 0x45)
    assert write(run, 0x2F0, 1) == LapicEffect.INTERRUPT
    assert pending(run) == 0x45
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0x80
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0


@everywhere
def test_an_illegal_error_vector_does_not_report_itself_for_ever(run: Run) -> None:
    reset(run)
    write(run, 0x370, 0x05)
    assert write(run, 0x2F0, 1) == LapicEffect.NONE
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0xC0


@everywhere
def test_software_disable_masks_the_local_vectors_and_keeps_them_masked(run: Run) -> None:
    reset(run)
    write(run, 0x350, 0x700)
    write(run, 0xF0, 0x0FF)
    assert read(run, 0x350) == 0x1_0700
    write(run, 0x350, 0x700)
    assert read(run, 0x350) == 0x1_0700


@everywhere
def test_an_icr_write_becomes_a_message_with_a_wide_destination(run: Run) -> None:
    reset(run)
    write(run, 0x310, 0x0500_0000)
    assert write(run, 0x300, 0x0_4031) == LapicEffect.COMMAND
    message = LAPIC.command
    assert (int(message.vector), int(message.destination), bool(message.logical)) == (0x31, 5, False)
    write(run, 0x310, 0xFF00_0000)
    assert write(run, 0x300, 0x4500) == LapicEffect.COMMAND
    assert int(LAPIC.command.destination) == 0xFFFF_FFFF
    assert write(run, 0x300, 0x8500) == LapicEffect.NONE  # INIT level de-assert
    assert write(run, 0x300, 0x000F) == LapicEffect.NONE  # vectors below 16 are not sent
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0x20
    assert read(run, 0x300) & 0x1000 == 0


@everywhere
def test_an_interrupt_to_oneself_stays_in_the_chip(run: Run) -> None:
    reset(run)
    assert write(run, 0x300, 0x4_0077) == LapicEffect.INTERRUPT
    assert pending(run) == 0x77
    assert write(run, 0x3F0, 0x88) == LapicEffect.NONE  # no SELF IPI register in xAPIC mode
    enter_x2apic(run)
    assert write_msr(run, 0x3F, 0x88) == LapicEffect.INTERRUPT
    assert pending(run) == 0x88
    assert write_msr(run, 0x3F, 0x188) == LapicEffect.REFUSED


@everywhere
@pytest.mark.parametrize("old", [0, ENABLED, ENABLED | EXTENDED])
@pytest.mark.parametrize("new", [0, ENABLED, EXTENDED, ENABLED | EXTENDED])
def test_only_the_mode_changes_of_the_manual_are_allowed(run: Run, old: int, new: int) -> None:
    reset(run)
    if old != ENABLED:
        run(lapic_base_write, LAPIC, u64(BASE | old))
    effect = run(lapic_base_write, LAPIC, u64(BASE | new))
    refused = new == EXTENDED or (old, new) in ((0, ENABLED | EXTENDED), (ENABLED | EXTENDED, ENABLED))
    assert (effect == LapicEffect.REFUSED) == refused
    assert int(run(lapic_base_read, LAPIC)) == BASE | BSP | (old if refused else new)


@everywhere
def test_reserved_bits_and_other_pages_of_the_base_are_refused(run: Run) -> None:
    reset(run)
    for value in (BASE | ENABLED | 1, BASE | ENABLED | 1 << 9, 1 << 36 | BASE | ENABLED, 0xFED0_0000 | ENABLED):
        assert run(lapic_base_write, LAPIC, u64(value)) == LapicEffect.REFUSED


@everywhere
def test_x2apic_mode_has_its_own_register_map(run: Run) -> None:
    reset(run, apic_id=0x25)
    assert run(lapic_msr_read, LAPIC, u32(2), u64(0)) is None
    assert write_msr(run, 0x0B, 0) == LapicEffect.REFUSED
    enter_x2apic(run)
    assert read(run, 0x20) == 0xFFFF_FFFF
    assert write(run, 0x80, 0x20) == LapicEffect.NONE
    values = {n: run(lapic_msr_read, LAPIC, u32(n), u64(0)) for n in range(64)}
    assert int(values[0x02]) == 0x25
    assert int(values[0x0D]) == 0x0002_0020
    missing = {n for n, value in values.items() if value is None}
    assert {0x0B, 0x0E, 0x31, 0x3F, 0x09, 0x00, 0x2F} <= missing
    assert not {0x02, 0x03, 0x08, 0x0A, 0x0D, 0x0F, 0x10, 0x27, 0x28, 0x30, 0x32, 0x37, 0x38, 0x39, 0x3E} & missing
    for number, value in (
        (0x02, 0),
        (0x0D, 0),
        (0x0E, 0),
        (0x0B, 1),
        (0x28, 1),
        (0x08, 0x100),
        (0x32, 1 << 63),
        (64, 0),
    ):
        assert write_msr(run, number, value) == LapicEffect.REFUSED
    assert write_msr(run, 0x30, 0x1234_5678_0000_4041) == LapicEffect.COMMAND
    assert int(LAPIC.command.destination) == 0x1234_5678
    assert int(run(lapic_msr_read, LAPIC, u32(0x30), u64(0))) == 0x1234_5678_0000_4041


@everywhere
def test_read_only_bits_of_a_local_vector_are_ignored_and_reserved_ones_refused(run: Run) -> None:
    reset(run)
    enter_x2apic(run)
    write_msr(run, 0x0F, 0x1FF)
    assert write_msr(run, 0x35, 0x5700) == LapicEffect.INTERRUPT  # as Linux does before it restarts
    assert int(run(lapic_msr_read, LAPIC, u32(0x35), u64(0))) == 0x0700
    for number in (0x32, 0x33, 0x34, 0x35, 0x36, 0x37):
        assert write_msr(run, number, 1 << 12 | 1 << 16 | 0x50) != LapicEffect.REFUSED
        assert write_msr(run, number, 1 << 11) == LapicEffect.REFUSED


@everywhere
def test_logical_destinations_of_all_models(run: Run) -> None:
    def addressed(destination: int, logical: bool = True) -> bool:
        return bool(run(lapic_is_addressed, run(lapic_seen, LAPIC), u32(destination), logical))

    reset(run)
    write(run, 0xD0, 0x0400_0000)
    assert addressed(0x0C) and not addressed(0x0B) and addressed(0xFFFF_FFFF)
    assert addressed(3, False) and not addressed(4, False)
    write(run, 0xE0, 0)
    write(run, 0xD0, 0x2400_0000)
    assert addressed(0x2C) and not addressed(0x3C) and not addressed(0x2B)
    write(run, 0xE0, 0x7000_0000)
    assert not addressed(0x2C)
    enter_x2apic(run)
    assert addressed(0x0000_0008) and not addressed(0x0001_0008)
    run(lapic_base_write, LAPIC, u64(BASE))
    assert not addressed(0xFFFF_FFFF)


@everywhere
def test_virtual_wire_lets_the_pic_through_until_lint0_is_masked(run: Run) -> None:
    reset(run)
    assert not run(lapic_takes_extint, LAPIC)
    run(lapic_enter_virtual_wire, LAPIC)
    assert run(lapic_takes_extint, LAPIC)
    write(run, 0x350, 0x1_0700)
    assert not run(lapic_takes_extint, LAPIC)
    write(run, 0x350, 0x31)
    assert run(lapic_lint0_edge, LAPIC) == LapicEffect.INTERRUPT
    assert pending(run) == 0x31
    run(lapic_base_write, LAPIC, u64(BASE))
    assert run(lapic_takes_extint, LAPIC)


@everywhere
def test_lint0_is_an_nmi_or_an_error_as_its_vector_says(run: Run) -> None:
    reset(run)
    write(run, 0x350, 0x400)
    assert run(lapic_lint0_edge, LAPIC) == LapicEffect.NMI
    write(run, 0x350, 0x200)  # SMI: there is none
    assert run(lapic_lint0_edge, LAPIC) == LapicEffect.NONE
    write(run, 0x350, 0x00F)
    assert run(lapic_lint0_edge, LAPIC) == LapicEffect.NONE
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0x40
    run(lapic_enter_virtual_wire, LAPIC)
    assert run(lapic_lint0_edge, LAPIC) == LapicEffect.INTERRUPT
    assert pending(run) == NO_VECTOR


@everywhere
def test_what_cannot_be_sent_to_oneself_is_not_sent(run: Run) -> None:
    reset(run)
    assert write(run, 0x300, 0x4_000F) == LapicEffect.NONE
    write(run, 0x280, 0)
    assert read(run, 0x280) == 0x20
    assert write(run, 0x300, 0x4_0400) == LapicEffect.NONE  # NMI, with the shorthand for self
    assert write(run, 0x300, 0x0_0200) == LapicEffect.NONE  # SMI
    assert pending(run) == NO_VECTOR


@everywhere
def test_a_running_count_goes_on_at_a_new_rate(run: Run) -> None:
    reset(run)
    write(run, 0x320, 0x40)
    write(run, 0x3E0, 0b1011)  # divide by 1
    write(run, 0x380, 10_000, now=0)
    assert write(run, 0x3E0, 0b0000, now=4_000) == LapicEffect.TIMER  # by 2
    assert int(LAPIC.timer_deadline) == 4_000 + 2 * 6_000
    assert read(run, 0x390, now=4_000 + 2 * 1_000) == 5_000


@everywhere
def test_one_shot_fires_once_after_count_times_divisor(run: Run) -> None:
    reset(run)
    write(run, 0x320, 0x40)
    write(run, 0x3E0, 0b1001)  # divide by 64
    assert write(run, 0x380, 1000, now=500) == LapicEffect.TIMER
    assert int(LAPIC.timer_deadline) == 500 + 64_000
    assert read(run, 0x390, now=500 + 32_000) == 500
    assert run(lapic_advance_timer, LAPIC, u64(64_499)) == LapicEffect.NONE
    assert run(lapic_advance_timer, LAPIC, u64(64_500)) == LapicEffect.INTERRUPT
    assert pending(run) == 0x40
    assert int(LAPIC.timer_deadline) == NEVER
    assert read(run, 0x390, now=70_000) == 0
    assert read(run, 0x380) == 1000


@everywhere
def test_a_periodic_timer_keeps_its_phase_and_tiny_periods_are_clamped(run: Run) -> None:
    reset(run)
    write(run, 0x320, 0x2_0040)
    write(run, 0x3E0, 0b1011)
    write(run, 0x380, 1_000_000, now=0)
    assert run(lapic_advance_timer, LAPIC, u64(3_400_000)) == LapicEffect.INTERRUPT
    assert int(LAPIC.timer_deadline) == 4_000_000
    assert run(lapic_advance_timer, LAPIC, u64(4_000_000)) == LapicEffect.INTERRUPT
    assert int(LAPIC.timer_deadline) == 5_000_000
    write(run, 0x380, 1, now=0)
    assert int(LAPIC.timer_deadline) == 100_000
    assert read(run, 0x390, now=0) == 1
    write(run, 0x380, 0, now=0)
    assert int(LAPIC.timer_deadline) == NEVER


@everywhere
def test_tsc_deadline_mode_ignores_the_counts_and_leaving_it_disarms(run: Run) -> None:
    reset(run)
    assert run(lapic_write_tsc_deadline, LAPIC, u64(777), u64(1000)) == LapicEffect.NONE
    write(run, 0x320, 0x4_0040)
    assert write(run, 0x380, 5) == LapicEffect.NONE
    assert run(lapic_write_tsc_deadline, LAPIC, u64(777), u64(1000)) == LapicEffect.TIMER
    assert read(run, 0x390, now=10) == 0
    assert run(lapic_advance_timer, LAPIC, u64(1000)) == LapicEffect.INTERRUPT
    assert int(LAPIC.tsc_deadline) == 0
    run(lapic_write_tsc_deadline, LAPIC, u64(777), u64(1000))
    write(run, 0x320, 0x0_0040)
    assert int(LAPIC.timer_deadline) == NEVER
    assert int(LAPIC.tsc_deadline) == 0


@everywhere
def test_a_masked_timer_runs_without_interrupting(run: Run) -> None:
    reset(run)
    write(run, 0x320, 0x1_0040)
    write(run, 0x380, 100, now=0)
    assert run(lapic_advance_timer, LAPIC, u64(1000)) == LapicEffect.NONE
    assert pending(run) == NO_VECTOR


@everywhere
def test_x2apic_entry_keeps_the_state_and_disabling_resets_it(run: Run) -> None:
    reset(run)
    write(run, 0x320, 0x55)
    enter_x2apic(run)
    assert int(run(lapic_msr_read, LAPIC, u32(0x32), u64(0))) == 0x55
    assert LAPIC.mode == LapicMode.X2APIC
    run(lapic_base_write, LAPIC, u64(BASE))
    run(lapic_base_write, LAPIC, u64(BASE | ENABLED))
    assert read(run, 0x320) == 0x1_0000
    assert read(run, 0x20) == 3 << 24


@everywhere
@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["mmio-read", "mmio-write", "msr-read", "msr-write", "base"]),
            st.one_of(st.integers(0, 0xFFF), st.sampled_from([i * 16 for i in range(64)])),
            st.sampled_from([1, 2, 4, 8]),
            st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 2**20)),
            st.integers(0, 2**50),
        ),
        max_size=40,
    )
)
def test_no_access_of_any_kind_traps(run: Run, accesses: list[tuple[str, int, int, int, int]]) -> None:
    reset(run)
    for kind, offset, width, value, now in accesses:
        match kind:
            case "mmio-read":
                read(run, offset, now, width)
            case "mmio-write":
                write(run, offset, value & 0xFFFF_FFFF, now, width)
            case "msr-read":
                run(lapic_msr_read, LAPIC, u32(offset >> 2), u64(now))
            case "msr-write":
                write_msr(run, offset >> 4, value, now)
            case _:
                run(lapic_base_write, LAPIC, u64(BASE | value & 0xFFF))
        run(lapic_advance_timer, LAPIC, u64(now))
        assert pending(run) <= NO_VECTOR
        assert lapic_seen(LAPIC) == told_by_registers()


def told_by_registers() -> PublicState:
    """What others must know, worked out anew."""
    registers, mode = LAPIC.registers, LAPIC.mode
    lint0 = int(registers.lvt_lint0)
    open_pin, extint = lint0 >> 16 & 1 == 0, lint0 >> 8 & 7 == 7
    return PublicState(
        apic_id=u32(3),
        logical_id=u8(int(registers.logical_destination) >> 24 if mode == LapicMode.XAPIC else 0),
        format=u8(int(registers.destination_format) >> 28),
        enabled=mode != LapicMode.DISABLED,
        x2apic=mode == LapicMode.X2APIC,
        accepts_fixed=int(registers.spurious) >> 8 & 1 == 1,
        takes_extint=mode == LapicMode.DISABLED or open_pin and extint,
        hears_lint0=mode != LapicMode.DISABLED and open_pin and not extint,
    )
