"""One counter of the 8254: its count and output are worked out from when it was loaded, never by counting.

Times here are ticks of 1.193182 MHz since the VM's clock read 0. `elapsed` is how many the counter has seen.
"""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u8, u32, u64
from drivers.timer.pit import PitAccess, PitControl, PitStatus

FULL_BINARY = 0x1_0000
FULL_BCD = 10_000
MODE_TERMINAL_COUNT = 0
MODE_ONE_SHOT = 1
MODE_RATE = 2
MODE_SQUARE = 3
MODE_STROBE = 4
MODE_TRIGGERED_STROBE = 5


class PitChannel(Struct):
    """`reload` is 1 to 65536 always."""

    start: Field[u64]  # tick at which the counter held `reload`; elapsed ticks instead while it stands still
    reload: Field[u32]
    next_reload: Field[u32]  # loaded at the end of this period, or by the next trigger; 0: none
    latched: Field[u32]
    mode: Field[u32]
    access: Field[PitAccess]
    low_byte: Field[u32]
    status: Field[PitStatus]
    bcd: Field[bool]
    gate: Field[bool]
    loaded: Field[bool]  # counts, or would with its gate open
    stopped: Field[bool]  # by the gate
    write_high: Field[bool]
    read_high: Field[bool]
    count_latched: Field[bool]
    status_latched: Field[bool]


@fn(cold=True)
def channel_reset(channel: PitChannel, gate: bool) -> None:
    """Not programmed: nothing counts."""
    channel.zero()
    channel.reload = FULL_BINARY
    channel.access = PitAccess.LOW_HIGH
    channel.gate = gate


@fn
def is_periodic(channel: PitChannel) -> bool:
    """Rate generator and square wave reload themselves."""
    return channel.mode == MODE_RATE or channel.mode == MODE_SQUARE


@fn
def is_triggered(channel: PitChannel) -> bool:
    """Modes that start at a rising gate."""
    return channel.mode == MODE_ONE_SHOT or channel.mode == MODE_TRIGGERED_STROBE


@fn(unchecked=True)
def channel_elapsed(channel: PitChannel, tick: u64) -> u64:
    """Ticks counted since `reload` was in the counter; 0 before."""
    if channel.stopped:
        return channel.start
    return tick.saturating_sub(channel.start)


@fn(unchecked=True)
def channel_settle(channel: PitChannel, tick: u64) -> None:
    """A count that was written during a period is loaded at its end."""
    if channel.next_reload == 0 or not channel.loaded or not is_periodic(channel) or channel.stopped:
        return
    elapsed = channel_elapsed(channel, tick)
    if elapsed >= u64(channel.reload):
        channel.start = channel.start + u64(channel.reload)
        channel.reload = channel.next_reload
        channel.next_reload = 0


@fn(unchecked=True)
def channel_count(channel: PitChannel, tick: u64) -> u32:
    """What the counter reads, in its own number system."""
    elapsed = channel_elapsed(channel, tick)
    reload = u64(channel.reload)
    modulus = u64(FULL_BCD) if channel.bcd else u64(FULL_BINARY)
    value = reload
    if channel.loaded:
        if channel.mode == MODE_RATE:
            value = reload - elapsed % reload
        elif channel.mode == MODE_SQUARE:
            # Counts down by two, twice in a period.
            half = (reload + 1) >> 1
            phase = elapsed % reload
            within = phase if phase < half else phase - half
            value = (reload & ~1).wrapping_sub(within * 2)
        else:
            value = (reload + modulus - elapsed % modulus) % modulus
    value = value % modulus
    return to_bcd(u32.trunc(value)) if channel.bcd else u32.trunc(value) & 0xFFFF


@fn(unchecked=True)
def channel_output(channel: PitChannel, tick: u64) -> bool:
    """The OUT pin."""
    mode = channel.mode
    if not channel.loaded:
        return mode != MODE_TERMINAL_COUNT
    elapsed = channel_elapsed(channel, tick)
    reload = u64(channel.reload)
    if mode == MODE_TERMINAL_COUNT or mode == MODE_ONE_SHOT:
        return elapsed >= reload
    if mode == MODE_RATE:
        return channel.stopped or elapsed % reload != reload - 1
    if mode == MODE_SQUARE:
        return channel.stopped or elapsed % reload < (reload + 1) >> 1
    return elapsed != reload


@fn(unchecked=True)
def channel_control(channel: PitChannel, word: PitControl) -> None:
    """A control word: the counter waits for its count."""
    mode = u32(word.mode)
    channel.mode = mode & 3 if mode >= 6 else mode
    channel.access = word.access
    channel.bcd = word.bcd
    channel.loaded = False
    channel.stopped = False
    channel.next_reload = 0
    channel.write_high = False
    channel.read_high = False
    channel.count_latched = False
    channel.status_latched = False


@fn
def channel_write(channel: PitChannel, value: u8, tick: u64) -> bool:
    """A byte of the count. True when the count is complete."""
    byte = u32(value)
    if channel.access == PitAccess.LOW:
        channel_load(channel, byte, tick)
        return True
    if channel.access == PitAccess.HIGH:
        channel_load(channel, byte << 8, tick)
        return True
    channel.write_high = not channel.write_high
    if channel.write_high:
        channel.low_byte = byte
        if channel.mode == MODE_TERMINAL_COUNT:
            # The first byte stops the counting (datasheet, mode 0).
            channel.loaded = False
        return False
    channel_load(channel, byte << 8 | channel.low_byte, tick)
    return True


@fn(unchecked=True)
def channel_load(channel: PitChannel, written: u32, tick: u64) -> None:
    """A whole count: in the counter at the next clock, or later where the mode says so."""
    count = from_bcd(written) if channel.bcd else written
    if count == 0:
        count = u32(FULL_BCD) if channel.bcd else u32(FULL_BINARY)
    channel_settle(channel, tick)
    if is_triggered(channel) or channel.loaded and is_periodic(channel):
        if not is_triggered(channel) and not channel.stopped:
            # From here on `start` is the start of the present period, at whose end the new count is due.
            elapsed = channel_elapsed(channel, tick)
            channel.start = channel.start + elapsed // u64(channel.reload) * u64(channel.reload)
        channel.next_reload = count
        return
    channel.reload = count
    channel.loaded = True
    channel.stopped = not channel.gate
    channel.start = u64(0) if channel.stopped else tick + 1


@fn(unchecked=True)
def channel_set_gate(channel: PitChannel, gate: bool, tick: u64) -> None:
    """The GATE pin: a level that lets modes 0, 2, 3 and 4 count, an edge that starts modes 1 and 5 and restarts 2 and
    3."""
    if gate == channel.gate:
        return
    channel_settle(channel, tick)
    channel.gate = gate
    if is_triggered(channel):
        if gate and (channel.loaded or channel.next_reload != 0):
            channel_restart(channel, tick)
    elif channel.loaded and not gate:
        channel.start = channel_elapsed(channel, tick)
        channel.stopped = True
    elif channel.loaded and is_periodic(channel):
        channel_restart(channel, tick)
    elif channel.loaded:
        channel.start = tick - channel.start
        channel.stopped = False


@fn(unchecked=True)
def channel_restart(channel: PitChannel, tick: u64) -> None:
    """A trigger: load at the next clock."""
    if channel.next_reload != 0:
        channel.reload = channel.next_reload
        channel.next_reload = 0
    channel.loaded = True
    channel.stopped = False
    channel.start = tick + 1


@fn
def channel_read(channel: PitChannel, tick: u64) -> u32:
    """A byte: of the latched status, the latched count, or the count as it is, in the order that `access` says."""
    if channel.status_latched:
        channel.status_latched = False
        return u32(u8(channel.status))
    channel_settle(channel, tick)
    value = channel.latched if channel.count_latched else channel_count(channel, tick)
    both = channel.access == PitAccess.LOW_HIGH
    high = channel.access == PitAccess.HIGH or both and channel.read_high
    if both:
        channel.read_high = not channel.read_high
    if high or not both:
        channel.count_latched = False
    return value >> 8 if high else value & 0xFF


@fn
def channel_latch_count(channel: PitChannel, tick: u64) -> None:
    """Hold the count until it is read; a second latch command is ignored until then."""
    if not channel.count_latched:
        channel_settle(channel, tick)
        channel.latched = channel_count(channel, tick)
        channel.count_latched = True


@fn
def channel_latch_status(channel: PitChannel, tick: u64) -> None:
    """Hold the status until it is read."""
    if channel.status_latched:
        return
    channel_settle(channel, tick)
    waiting = not channel.loaded or channel.next_reload != 0 or not channel.stopped and tick < channel.start
    channel.status = PitStatus(
        bcd=channel.bcd,
        mode=u8.trunc(channel.mode),
        access=channel.access,
        null_count=waiting,
        output=channel_output(channel, tick),
    )
    channel.status_latched = True


@fn(unchecked=True)
def from_bcd(value: u32) -> u32:
    """Four decimal digits; digits above 9 count as what they weigh."""
    return (value >> 12 & 15) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15)


@fn(unchecked=True)
def to_bcd(value: u32) -> u32:
    """0 to 9999 as four decimal digits."""
    return value // 1000 << 12 | value // 100 % 10 << 8 | value // 10 % 10 << 4 | value % 10
