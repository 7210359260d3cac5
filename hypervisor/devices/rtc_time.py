"""The time and alarm bytes of the RTC in the formats that status B chooses: BCD or binary, 24 or 12 hours."""

from __future__ import annotations

from codegen.lang import Array, Local, Struct, count, fn, u8, u32, u64
from drivers.timer.rtc import (
    ALARM_ANY,
    CMOS_BYTES,
    CMOS_CENTURY,
    CMOS_DAY,
    CMOS_HOURS,
    CMOS_HOURS_ALARM,
    CMOS_MINUTES,
    CMOS_MONTH,
    CMOS_SECONDS,
    CMOS_STATUS_B,
    CMOS_WEEKDAY,
    CMOS_YEAR,
    RtcStatusB,
)
from hypervisor.devices.rtc_calendar import ANY, CalendarTime, calendar_from_seconds, seconds_from_calendar

PM = 0x80  # of an hour byte in 12-hour mode


class CmosRam(Struct):
    """All bytes behind the index."""

    bytes: Array[u8] = count(CMOS_BYTES)


@fn
def modes(ram: CmosRam) -> RtcStatusB:
    """Status B."""
    return RtcStatusB.of(ram.bytes[CMOS_STATUS_B])


@fn(unchecked=True)
def encode(value: u32, binary: bool) -> u8:
    """A number below 100 as a register holds it."""
    return u8.trunc(value) if binary else u8.trunc(value // 10 << 4 | value % 10)


@fn(unchecked=True)
def decode(byte: u8, binary: bool) -> u32:
    """A register's number; BCD digits above 9 count as what they weigh."""
    value = u32(byte)
    return value if binary else (value >> 4) * 10 + (value & 15)


@fn(unchecked=True)
def encode_hour(hour: u32, status: RtcStatusB) -> u8:
    """0 to 23; 12-hour mode has 12 AM and 12 PM."""
    if status.hours_24:
        return encode(hour, status.binary)
    twelve = u32(12) if hour % 12 == 0 else hour % 12
    return encode(twelve, status.binary) | (u8(PM) if hour >= 12 else u8(0))


@fn(unchecked=True)
def decode_hour(byte: u8, status: RtcStatusB) -> u32:
    """The inverse."""
    if status.hours_24:
        return decode(byte, status.binary)
    hour = decode(byte & 0x7F, status.binary) % 12
    return hour + 12 if byte & PM != 0 else hour


@fn
def show_time_registers(ram: CmosRam, seconds: u64) -> None:
    """Write `seconds` since 1970 into the time registers."""
    time = Local(CalendarTime)
    calendar_from_seconds(seconds, time)
    status = modes(ram)
    binary = status.binary
    ram.bytes[CMOS_SECONDS] = encode(time.second, binary)
    ram.bytes[CMOS_MINUTES] = encode(time.minute, binary)
    ram.bytes[CMOS_HOURS] = encode_hour(time.hour, status)
    ram.bytes[CMOS_WEEKDAY] = encode(time.weekday, binary)
    ram.bytes[CMOS_DAY] = encode(time.day, binary)
    ram.bytes[CMOS_MONTH] = encode(time.month, binary)
    ram.bytes[CMOS_YEAR] = encode(time.year % 100, binary)
    ram.bytes[CMOS_CENTURY] = encode(time.year // 100 % 100, binary)


@fn(unchecked=True)
def read_time_registers(ram: CmosRam) -> u64:
    """The time registers as seconds since 1970; what is out of range counts on into the next unit."""
    time = Local(CalendarTime)
    status = modes(ram)
    binary = status.binary
    time.second = decode(ram.bytes[CMOS_SECONDS], binary)
    time.minute = decode(ram.bytes[CMOS_MINUTES], binary)
    time.hour = decode_hour(ram.bytes[CMOS_HOURS], status)
    time.day = decode(ram.bytes[CMOS_DAY], binary)
    time.month = decode(ram.bytes[CMOS_MONTH], binary)
    time.year = decode(ram.bytes[CMOS_CENTURY], binary) * 100 + decode(ram.bytes[CMOS_YEAR], binary)
    return seconds_from_calendar(time)


@fn
def alarm_field(ram: CmosRam, index: u32) -> u32:
    """The seconds or minutes alarm at `index`, or ANY."""
    byte = ram.bytes[index & 0x7F]
    return u32(ANY) if byte >= ALARM_ANY else decode(byte, modes(ram).binary)


@fn
def alarm_hour(ram: CmosRam) -> u32:
    """The hours alarm, 0 to 23, or ANY."""
    byte = ram.bytes[CMOS_HOURS_ALARM]
    return u32(ANY) if byte >= ALARM_ANY else decode_hour(byte, modes(ram))
