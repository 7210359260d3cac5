"""The local APIC's timer (SDM vol. 3A, section 11.5.4), counting nanoseconds of the VM's clock: a bus of 1 GHz."""

from __future__ import annotations

from codegen.lang import fn, min, u32, u64
from drivers.interrupt.lapic import LocalVector, TimerMode
from hypervisor.devices.clock import NEVER
from hypervisor.devices.lapic.local import lapic_deliver_local
from hypervisor.devices.lapic.state import LapicEffect, LocalApic

PERIOD_MIN = 100_000  # ns: a guest cannot ask for a storm of ticks
TIMER_MODE_MASK = 3 << 17


@fn
def lapic_timer_mode(lapic: LocalApic) -> TimerMode:
    """Bits 17 and 18 of the timer's local vector."""
    return LocalVector.of(lapic.registers.lvt_timer).mode


@fn
def lapic_current_count(lapic: LocalApic, now: u64) -> u32:
    """The current-count register; 0 when the timer does not run or runs on the TSC."""
    deadline = lapic.timer_deadline
    if deadline == NEVER or lapic.tsc_deadline != 0:
        return u32(0)
    left = deadline.saturating_sub(now) >> (lapic.timer_shift & 7)
    # A period that was clamped is longer than what the guest asked for: its count stands at the start until then.
    return u32.trunc(min(left, u64(lapic.registers.initial_count)))


@fn(unchecked=True)
def lapic_start_timer(lapic: LocalApic, count: u32, now: u64) -> None:
    """Count down from `count`; 0 stops. In TSC-deadline mode the count means nothing."""
    lapic.timer_deadline = NEVER
    lapic.timer_period = 0
    mode = lapic_timer_mode(lapic)
    if count == 0 or mode == TimerMode.TSC_DEADLINE or mode == TimerMode.RESERVED:
        return
    interval = u64(count) << (lapic.timer_shift & 7)
    if mode == TimerMode.PERIODIC:
        if interval < PERIOD_MIN:
            interval = u64(PERIOD_MIN)
        lapic.timer_period = interval
    lapic.timer_deadline = now.wrapping_add(interval)


@fn
def lapic_write_initial_count(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """Start or stop; ignored in TSC-deadline mode."""
    if lapic_timer_mode(lapic) == TimerMode.TSC_DEADLINE:
        return LapicEffect.NONE
    lapic.registers.initial_count = value
    lapic_start_timer(lapic, value, now)
    return LapicEffect.TIMER


@fn
def lapic_write_timer_vector(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """The timer's local vector. Entering or leaving TSC-deadline mode disarms; one-shot and periodic change on the
    fly."""
    registers = lapic.registers
    changed = registers.lvt_timer ^ value
    left = lapic_current_count(lapic, now)
    registers.lvt_timer = value
    if changed & TIMER_MODE_MASK != 0:
        if changed & (2 << 17) != 0:
            lapic.tsc_deadline = 0
            left = u32(0)
        lapic_resume_timer(lapic, left, now)
    return LapicEffect.TIMER


@fn
def lapic_write_divide(lapic: LocalApic, value: u32, now: u64) -> LapicEffect:
    """Divide configuration: bits 0, 1 and 3 (figure 11-10). A running count goes on at the new rate."""
    left = lapic_current_count(lapic, now)
    lapic.registers.divide = value
    lapic.timer_shift = ((value & 3 | value >> 1 & 4) + 1) & 7
    if lapic.tsc_deadline == 0:
        lapic_resume_timer(lapic, left, now)
    return LapicEffect.TIMER


@fn(unchecked=True)
def lapic_resume_timer(lapic: LocalApic, left: u32, now: u64) -> None:
    """Go on from `left` under the present mode and divisor; the next period is whole again."""
    if left == 0:
        lapic.timer_deadline = NEVER
        lapic.timer_period = 0
        return
    lapic_start_timer(lapic, lapic.registers.initial_count, now)
    if lapic.timer_deadline != NEVER:
        lapic.timer_deadline = now.wrapping_add(u64(left) << (lapic.timer_shift & 7))


@fn
def lapic_write_tsc_deadline(lapic: LocalApic, deadline: u64, when: u64) -> LapicEffect:
    """IA32_TSC_DEADLINE: `deadline` in guest TSC, `when` the same moment in ns of the VM's clock, which the caller
    converted. 0 disarms; outside TSC-deadline mode the write is ignored."""
    if lapic_timer_mode(lapic) != TimerMode.TSC_DEADLINE:
        return LapicEffect.NONE
    lapic.tsc_deadline = deadline
    lapic.timer_deadline = u64(NEVER) if deadline == 0 else when
    return LapicEffect.TIMER


@fn(unchecked=True)
def lapic_advance_timer(lapic: LocalApic, now: u64) -> LapicEffect:
    """Fire if due. A periodic timer fires once, however many periods have passed (IRR holds one), and keeps its
    phase."""
    deadline = lapic.timer_deadline
    if now < deadline:
        return LapicEffect.NONE
    lapic.timer_deadline = NEVER
    lapic.tsc_deadline = 0
    period = lapic.timer_period
    if period != 0:
        following = deadline.wrapping_add(period)
        if following <= now:
            following = following.wrapping_add((now - following) // period * period).wrapping_add(period)
        lapic.timer_deadline = following
    return lapic_deliver_local(lapic, LocalVector.of(lapic.registers.lvt_timer))
