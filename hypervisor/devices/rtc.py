"""The MC146818 real-time clock with CMOS RAM (MC146818A datasheet). `irq` is the IRQ8 pin, high until status C is read.

Periodic ticks that the VM could not take in time are made up for, half a period apart, at most CATCH_UP_MAX of them.
"""

from __future__ import annotations

from codegen.lang import Field, Local, Struct, fn, max, min, u8, u32, u64
from drivers.timer.rtc import (
    CMOS_CENTURY,
    CMOS_MINUTES_ALARM,
    CMOS_SECONDS_ALARM,
    CMOS_STATUS_A,
    CMOS_STATUS_B,
    CMOS_STATUS_C,
    CMOS_STATUS_D,
    CMOS_YEAR,
    RTC_FREQUENCY,
    RtcStatusA,
    RtcStatusB,
)
from hypervisor.devices.clock import NANOSECONDS_PER_SECOND, NEVER, oscillator
from hypervisor.devices.rtc_calendar import seconds_to_alarm
from hypervisor.devices.rtc_time import CmosRam, alarm_field, alarm_hour, read_time_registers, show_time_registers

DIVIDER_RUNNING = 2
DIVIDER_AFTER_RESET = 500_000_000  # ns from the divider's release to the first update
UPDATE_CYCLE = 2_228_000  # ns before an update in which UIP is set: 244 us and the update itself
CATCH_UP_MAX = 16  # periods
UPDATE_FLAG = 0x10  # of status C, and the same bits of status B enable
ALARM_FLAG = 0x20
PERIODIC_FLAG = 0x40
INTERRUPT_FLAG = 0x80
FLAGS = 0x70
VALID_RAM = 0x80  # status D

rtc_ticks_at, rtc_time_of = oscillator(RTC_FREQUENCY)


class Rtc(Struct):
    """`deadline` is when `rtc_advance` has something to do."""

    cmos: CmosRam
    index: Field[u32]
    flags: Field[u32]  # status C
    irq: Field[bool]
    running: Field[bool]  # the divider runs and SET is clear: else the time registers stand still
    epoch: Field[u64]  # seconds since 1970 at `origin`
    origin: Field[u64]  # ns; an update happens every second from here on
    updates: Field[u64]  # of which so many have been seen
    alarm: Field[u64]  # the update that matches the alarm, or NEVER
    periodic_seen: Field[u64]  # periods since the VM's clock read 0
    periodic_at: Field[u64]  # ns, or NEVER
    deadline: Field[u64]  # ns, or NEVER


@fn(cold=True)
def rtc_power_on(rtc: Rtc, seconds: u64) -> None:
    """The VM's clock reads 0, the time is `seconds` since 1970: 24 hours BCD, no interrupts. The CMOS RAM has a
    battery: it stays."""
    ram = Local(CmosRam)
    ram.copy_from(rtc.cmos)
    rtc.zero()
    rtc.cmos.copy_from(ram)
    rtc.cmos.bytes[CMOS_STATUS_A] = 0x26
    rtc.cmos.bytes[CMOS_STATUS_B] = 0x02
    rtc.cmos.bytes[CMOS_STATUS_D] = VALID_RAM
    rtc.epoch = seconds
    rtc.running = True
    show_time_registers(rtc.cmos, seconds)
    restart(rtc, u64(0))


@fn
def rtc_read(rtc: Rtc, now: u64) -> u32:
    """Port 71H: the byte that `index` names."""
    index = rtc.index & 0x7F
    if index == CMOS_STATUS_C:
        settle(rtc, now)
        flags = rtc.flags
        rtc.flags = 0
        drive(rtc)
        return flags
    if index == CMOS_STATUS_A:
        return u32(rtc.cmos.bytes[CMOS_STATUS_A]) | update_in_progress(rtc, now)
    if is_time(index) and rtc.running:
        show(rtc, now)
    return u32(rtc.cmos.bytes[index])


@fn
def rtc_write(rtc: Rtc, value: u8, now: u64) -> None:
    """Port 71H."""
    index = rtc.index & 0x7F
    if index == CMOS_STATUS_A:
        write_status_a(rtc, value & 0x7F, now)
    elif index == CMOS_STATUS_B:
        write_status_b(rtc, value, now)
    elif index == CMOS_STATUS_C or index == CMOS_STATUS_D:
        return
    elif is_time(index):
        settle(rtc, now)
        if rtc.running:
            show(rtc, now)
        rtc.cmos.bytes[index] = value
        if rtc.running:
            take_time(rtc, now)
        restart(rtc, now)
    else:
        rtc.cmos.bytes[index] = value


@fn
def rtc_advance(rtc: Rtc, now: u64) -> None:
    """Set the flags that are due."""
    if now >= rtc.deadline:
        settle(rtc, now)


@fn
def is_time(index: u32) -> bool:
    """Seconds to year and their alarms, and the century."""
    return index <= CMOS_YEAR or index == CMOS_CENTURY


@fn(unchecked=True)
def updates_at(rtc: Rtc, now: u64) -> u64:
    """Whole seconds since `origin`."""
    return now.wrapping_sub(rtc.origin) // NANOSECONDS_PER_SECOND


@fn(unchecked=True)
def update_in_progress(rtc: Rtc, now: u64) -> u32:
    """UIP, as in status A."""
    if not rtc.running:
        return u32(0)
    phase = now.wrapping_sub(rtc.origin) % NANOSECONDS_PER_SECOND
    return u32(0x80) if phase >= NANOSECONDS_PER_SECOND - UPDATE_CYCLE else u32(0)


@fn
def show(rtc: Rtc, now: u64) -> None:
    """Bring the time registers up to date."""
    show_time_registers(rtc.cmos, rtc.epoch.wrapping_add(updates_at(rtc, now)))


@fn(unchecked=True)
def take_time(rtc: Rtc, now: u64) -> None:
    """The time registers are the time now; the seconds keep their phase."""
    rtc.origin = rtc.origin.wrapping_add(updates_at(rtc, now) * NANOSECONDS_PER_SECOND)
    rtc.epoch = read_time_registers(rtc.cmos)


@fn
def write_status_a(rtc: Rtc, value: u8, now: u64) -> None:
    """Rate and divider."""
    settle(rtc, now)
    was_running = rtc.running
    divider_ran = RtcStatusA.of(rtc.cmos.bytes[CMOS_STATUS_A]).divider == DIVIDER_RUNNING
    if was_running:
        show(rtc, now)
    rtc.cmos.bytes[CMOS_STATUS_A] = value
    if RtcStatusA.of(value).divider == DIVIDER_RUNNING and not divider_ran:
        rtc.origin = now.wrapping_sub(DIVIDER_AFTER_RESET)
    change_running(rtc, was_running, now)


@fn
def write_status_b(rtc: Rtc, value: u8, now: u64) -> None:
    """Modes and enables. SET clears the update enable (datasheet, register B)."""
    settle(rtc, now)
    was_running = rtc.running
    if was_running:
        show(rtc, now)
    rtc.cmos.bytes[CMOS_STATUS_B] = value & 0xEF if RtcStatusB.of(value).set else value
    change_running(rtc, was_running, now)


@fn
def change_running(rtc: Rtc, was_running: bool, now: u64) -> None:
    """After status A or B: does the time run, and from which time? A change of number system leaves the registers'
    bytes for software to rewrite, so a clock that runs on is read in the new system at once."""
    status_a = RtcStatusA.of(rtc.cmos.bytes[CMOS_STATUS_A])
    status_b = RtcStatusB.of(rtc.cmos.bytes[CMOS_STATUS_B])
    rtc.running = status_a.divider == DIVIDER_RUNNING and not status_b.set
    if rtc.running and not was_running:
        take_time(rtc, now)
    restart(rtc, now)


@fn(unchecked=True)
def periodic_shift(rtc: Rtc) -> u32:
    """log2 of the period in ticks of 32.768 kHz; 0 for none. Rates 1 and 2 are those of 8 and 9."""
    rate = u32(RtcStatusA.of(rtc.cmos.bytes[CMOS_STATUS_A]).rate)
    if rate == 0:
        return u32(0)
    return rate + 6 if rate <= 2 else rate - 1


@fn(unchecked=True)
def restart(rtc: Rtc, now: u64) -> None:
    """Modes, time or alarm were written: what comes next?"""
    rtc.updates = updates_at(rtc, now)
    find_alarm(rtc)
    shift = periodic_shift(rtc)
    rtc.periodic_at = NEVER
    if shift != 0:
        rtc.periodic_seen = rtc_ticks_at(now) >> (shift & 63)
        rtc.periodic_at = rtc_time_of((rtc.periodic_seen + 1) << (shift & 63))
    drive(rtc)


@fn(unchecked=True)
def find_alarm(rtc: Rtc) -> None:
    """The first update after those seen that matches the alarm bytes."""
    hour = alarm_hour(rtc.cmos)
    minute = alarm_field(rtc.cmos, u32(CMOS_MINUTES_ALARM))
    second = alarm_field(rtc.cmos, u32(CMOS_SECONDS_ALARM))
    second_of_day = u32.trunc((rtc.epoch + rtc.updates) % 86_400)
    distance = seconds_to_alarm(second_of_day, hour, minute, second)
    rtc.alarm = u64(NEVER) if distance == 0 else rtc.updates + u64(distance)


@fn(unchecked=True)
def settle(rtc: Rtc, now: u64) -> None:
    """Set every flag whose moment has come, then IRQ8 and the deadline."""
    if rtc.running:
        updates = updates_at(rtc, now)
        if updates > rtc.updates:
            rtc.updates = updates
            rtc.flags = rtc.flags | UPDATE_FLAG
            if updates >= rtc.alarm:
                rtc.flags = rtc.flags | ALARM_FLAG
                find_alarm(rtc)
    if now >= rtc.periodic_at:
        settle_periodic(rtc, now)
    drive(rtc)


@fn(unchecked=True)
def settle_periodic(rtc: Rtc, now: u64) -> None:
    """A period has passed, or several: those owed come one by one while the interrupt is enabled."""
    rtc.flags = rtc.flags | PERIODIC_FLAG
    shift = periodic_shift(rtc) & 63
    period = rtc_ticks_at(now) >> shift
    half = rtc_time_of(u64(1) << shift) >> 1
    if RtcStatusB.of(rtc.cmos.bytes[CMOS_STATUS_B]).periodic_enable:
        period = max(rtc.periodic_seen + 1, period.saturating_sub(u64(CATCH_UP_MAX)))
        rtc.periodic_at = max(rtc_time_of((period + 1) << shift), now + half)
    else:
        rtc.periodic_at = rtc_time_of((period + 1) << shift)
    rtc.periodic_seen = period


@fn(unchecked=True)
def drive(rtc: Rtc) -> None:
    """IRQ8 from flags and enables; a flag that is already set needs no deadline."""
    enables = u32(rtc.cmos.bytes[CMOS_STATUS_B]) & FLAGS
    rtc.irq = rtc.flags & enables != 0
    rtc.flags = rtc.flags & FLAGS | (u32(INTERRUPT_FLAG) if rtc.irq else u32(0))
    awaited = enables & ~rtc.flags
    deadline = u64(NEVER)
    if awaited & PERIODIC_FLAG != 0:
        deadline = rtc.periodic_at
    if rtc.running:
        if awaited & UPDATE_FLAG != 0:
            deadline = min(deadline, rtc.origin.wrapping_add((rtc.updates + 1) * NANOSECONDS_PER_SECOND))
        if awaited & ALARM_FLAG != 0 and rtc.alarm != NEVER:
            deadline = min(deadline, rtc.origin.wrapping_add(rtc.alarm * NANOSECONDS_PER_SECOND))
    rtc.deadline = deadline
