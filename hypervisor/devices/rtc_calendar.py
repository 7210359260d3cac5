"""Seconds since 1970 to calendar fields and back (proleptic Gregorian), and the alarm's next match."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, u32, u64

SECONDS_PER_DAY = 86_400
DAYS_TO_1970 = 719_468  # from 1 March of the year 0, where leap days come last in their year
DAYS_PER_ERA = 146_097  # 400 years
ANY = 0xFF  # an alarm field that matches every value
EPOCH_WEEKDAY = 4  # 1 January 1970 was a Thursday; Sunday is 0


class CalendarTime(Struct):
    """A moment as people write it."""

    second: Field[u32]  # 0 to 59
    minute: Field[u32]  # 0 to 59
    hour: Field[u32]  # 0 to 23
    weekday: Field[u32]  # 1 is Sunday
    day: Field[u32]  # 1 to 31
    month: Field[u32]  # 1 to 12
    year: Field[u32]


@fn(unchecked=True)
def calendar_from_seconds(seconds: u64, into: CalendarTime) -> None:
    """Fill `into`. `seconds` is below 2**40."""
    day_number = u32.trunc(seconds // SECONDS_PER_DAY)
    rest = u32.trunc(seconds % SECONDS_PER_DAY)
    into.second = rest % 60
    into.minute = rest // 60 % 60
    into.hour = rest // 3600
    into.weekday = (day_number + EPOCH_WEEKDAY) % 7 + 1
    days = day_number + DAYS_TO_1970
    era = days // DAYS_PER_ERA
    day_of_era = days - era * DAYS_PER_ERA
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    into.day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    into.month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    into.year = year_of_era + era * 400 + (u32(1) if month_from_march >= 10 else u32(0))


@fn(unchecked=True)
def seconds_from_calendar(time: CalendarTime) -> u64:
    """The inverse. Fields out of range count on into the next unit; before 1970 is 1970."""
    month = time.month if time.month >= 1 and time.month <= 12 else u32(1)
    january_or_february = month <= 2
    year = time.year.saturating_sub(u32(1)) if january_or_february else time.year
    era = year // 400
    year_of_era = year - era * 400
    month_from_march = month + 9 if january_or_february else month - 3
    day_of_year = (153 * month_from_march + 2) // 5 + time.day
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    days = (era * DAYS_PER_ERA + day_of_era).saturating_sub(u32(DAYS_TO_1970 + 1))
    return u64(days) * SECONDS_PER_DAY + u64(time.hour) * 3600 + u64(time.minute) * 60 + u64(time.second)


@fn(unchecked=True)
def seconds_to_alarm(now: u32, hour: u32, minute: u32, second: u32) -> u32:
    """Seconds from second-of-day `now` to the next match, 1 to 86400; 0 when nothing matches (a field out of range)."""
    if (hour != ANY and hour > 23) or (minute != ANY and minute > 59) or (second != ANY and second > 59):
        return u32(0)
    start = now + 1
    first_hour = start // 3600
    first_minute = start // 60 % 60
    first_second = start % 60
    tried = u32(0)
    while tried <= 24:
        this_hour = (first_hour + tried) % 24
        if hour == ANY or hour == this_hour:
            this_minute = first_minute if tried == 0 else u32(0)
            from_second = first_second if tried == 0 else u32(0)
            while this_minute < 60:
                if minute == ANY or minute == this_minute:
                    this_second = from_second if second == ANY else second
                    if this_second >= from_second:
                        return (first_hour + tried) * 3600 + this_minute * 60 + this_second - now
                this_minute = this_minute + 1
                from_second = u32(0)
        tried = tried + 1
    return u32(0)
