"""Registers of the MC146818 real-time clock and its CMOS RAM (MC146818A datasheet; IBM AT for bytes 0EH and up)."""

from __future__ import annotations

from codegen.lang import WO, BitStruct, PortBlock, Reg, at, bit, bits, u8

RTC_PORT = 0x70
RTC_FREQUENCY = 32_768  # Hz
RTC_IRQ = 8
CMOS_BYTES = 128


class RtcPorts(PortBlock, size=2):
    """Index and data. Byte registers; bit 7 of the index masks NMI."""

    index: Reg[u8] = at(0, access=WO)
    data: Reg[u8] = at(1)


# Bytes behind the index.
CMOS_SECONDS = 0x00
CMOS_SECONDS_ALARM = 0x01
CMOS_MINUTES = 0x02
CMOS_MINUTES_ALARM = 0x03
CMOS_HOURS = 0x04
CMOS_HOURS_ALARM = 0x05
CMOS_WEEKDAY = 0x06
CMOS_DAY = 0x07
CMOS_MONTH = 0x08
CMOS_YEAR = 0x09
CMOS_STATUS_A = 0x0A
CMOS_STATUS_B = 0x0B
CMOS_STATUS_C = 0x0C
CMOS_STATUS_D = 0x0D
CMOS_EQUIPMENT = 0x14
CMOS_BASE_MEMORY = 0x15  # KiB, 16 bits
CMOS_EXTENDED_MEMORY = 0x17  # KiB above 1 MiB, 16 bits; again at 30H
CMOS_EXTENDED_MEMORY_COPY = 0x30
CMOS_CENTURY = 0x32
CMOS_MEMORY_ABOVE_16M = 0x34  # units of 64 KiB, 16 bits
CMOS_MEMORY_ABOVE_4G = 0x5B  # units of 64 KiB, 24 bits

ALARM_ANY = 0xC0  # an alarm byte with both top bits set matches every value


class RtcStatusA(BitStruct, repr=u8):
    """Divider and periodic rate."""

    rate: u8 = bits(0, 3)
    divider: u8 = bits(4, 6)  # 2: running; 6 and 7: held in reset
    update_in_progress: bool = bit(7)


class RtcStatusB(BitStruct, repr=u8):
    """Modes and interrupt enables."""

    daylight_saving: bool = bit(0)
    hours_24: bool = bit(1)
    binary: bool = bit(2)
    square_wave: bool = bit(3)
    update_enable: bool = bit(4)
    alarm_enable: bool = bit(5)
    periodic_enable: bool = bit(6)
    set: bool = bit(7)  # the time stands still while it is being set


class RtcStatusC(BitStruct, repr=u8):
    """Interrupt flags; a read clears them."""

    update: bool = bit(4)
    alarm: bool = bit(5)
    periodic: bool = bit(6)
    interrupt: bool = bit(7)
