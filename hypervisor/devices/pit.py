"""The 8254 interval timer. Counter 0 raises IRQ0, counter 2 is the speaker's; `pit_advance` says when IRQ0 rises.

Lost ticks: when the VM could not run in time, at most CATCH_UP_MAX periods are made up for, half a period apart, so
that a guest that counts ticks keeps its time; what is older is dropped. No two ticks are closer than SPACING_MIN.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, max, u8, u32, u64
from drivers.timer.pit import PIT_FREQUENCY, PitAccess, PitControl, PitReadBack
from hypervisor.devices.clock import NEVER, oscillator
from hypervisor.devices.pit_channel import (
    MODE_STROBE,
    MODE_TERMINAL_COUNT,
    PitChannel,
    channel_control,
    channel_latch_count,
    channel_latch_status,
    channel_output,
    channel_read,
    channel_reset,
    channel_set_gate,
    channel_settle,
    channel_write,
    is_periodic,
)

CATCH_UP_MAX = 16  # periods
SPACING_MIN = 60  # ticks: 50 us

pit_ticks_at, pit_time_of = oscillator(PIT_FREQUENCY)


class Pit(Struct):
    """`deadline` is when `pit_advance` has something to do."""

    channels: Array[PitChannel] = count(3)
    due: Field[u64]  # tick of the next rising edge of counter 0, or NEVER
    deadline: Field[u64]  # ns, or NEVER


@fn(cold=True)
def pit_reset(pit: Pit) -> None:
    """No counter is programmed. The gates of counters 0 and 1 are tied high; port 61H drives that of counter 2."""
    pit.deadline = NEVER
    pit.due = NEVER
    channel_reset(pit.channels[0], True)
    channel_reset(pit.channels[1], True)
    channel_reset(pit.channels[2], False)


@fn
def pit_read(pit: Pit, index: u32, now: u64) -> u32:
    """Port 40H + `index`; the control port cannot be read."""
    if index >= 3:
        return u32(0xFF)
    return channel_read(pit.channels[index], pit_ticks_at(now))


@fn
def pit_write(pit: Pit, index: u32, value: u8, now: u64) -> None:
    """Port 40H + `index`."""
    tick = pit_ticks_at(now)
    if index >= 3:
        write_control(pit, value, tick)
    elif channel_write(pit.channels[index], value, tick) and index == 0:
        schedule(pit, tick)


@fn
def write_control(pit: Pit, value: u8, tick: u64) -> None:
    """Port 43H: a control word, a latch command or a read-back."""
    word = PitControl.of(value)
    if word.channel == 3:
        read_back(pit, PitReadBack.of(value), tick)
        return
    channel = pit.channels[word.channel]
    if word.access == PitAccess.LATCH:
        channel_latch_count(channel, tick)
        return
    channel_control(channel, word)
    if word.channel == 0:
        pit.due = NEVER
        pit.deadline = NEVER


@fn
def read_back(pit: Pit, command: PitReadBack, tick: u64) -> None:
    """Latch count, status or both of several counters."""
    index = u32(0)
    while index < 3:
        if command.channels >> index & 1 != 0:
            if not command.no_count:
                channel_latch_count(pit.channels[index], tick)
            if not command.no_status:
                channel_latch_status(pit.channels[index], tick)
        index = index + 1


@fn(unchecked=True)
def schedule(pit: Pit, tick: u64) -> None:
    """Counter 0 was loaded: when does its output rise? Modes 1 and 5 wait for a gate that never moves."""
    channel = pit.channels[0]
    edge = channel.start + u64(channel.reload)
    if is_periodic(channel):
        if channel.next_reload != 0 and pit.due != NEVER:
            return  # the running period ends as it was
    elif channel.mode == MODE_STROBE:
        edge = edge + 1
    elif channel.mode != MODE_TERMINAL_COUNT:
        edge = u64(NEVER)
    pit.due = edge
    pit.deadline = u64(NEVER) if edge == NEVER else pit_time_of(edge)


@fn(unchecked=True)
def pit_advance(pit: Pit, now: u64) -> bool:
    """Whether IRQ0 rises now; at most one edge a call, the next is in `pit.deadline`."""
    if now < pit.deadline:
        return False
    channel = pit.channels[0]
    tick = pit_ticks_at(now)
    due = pit.due
    if not is_periodic(channel):
        pit.due = NEVER
        pit.deadline = NEVER
        return True
    channel_settle(channel, due)
    period = u64(channel.reload)
    due = due + period
    if tick > due:
        behind = (tick - due) // period
        if behind > CATCH_UP_MAX:
            due = due + (behind - CATCH_UP_MAX) * period
    pit.due = due
    pit.deadline = pit_time_of(max(due, tick + max(period >> 1, u64(SPACING_MIN))))
    return True


@fn
def pit_output2(pit: Pit, now: u64) -> bool:
    """The speaker's counter, as port 61H shows it."""
    tick = pit_ticks_at(now)
    channel_settle(pit.channels[2], tick)
    return channel_output(pit.channels[2], tick)


@fn
def pit_set_gate2(pit: Pit, gate: bool, now: u64) -> None:
    """The speaker's gate, driven by port 61H."""
    channel_set_gate(pit.channels[2], gate, pit_ticks_at(now))
