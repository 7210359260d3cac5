"""Registers of the 8254 interval timer and of port 61h (8254 datasheet; PIIX3 datasheet, section 2.5.3)."""

from __future__ import annotations

from codegen.lang import WO, BitStruct, HwEnum, PortBlock, Reg, RegArray, at, bit, bits, u8

PIT_PORT = 0x40
PIT_FREQUENCY = 1_193_182  # Hz
SYSTEM_CONTROL_PORT = 0x61


class PitAccess(HwEnum, repr=u8):
    """Control word, bits 4 and 5."""

    LATCH = 0
    LOW = 1
    HIGH = 2
    LOW_HIGH = 3


class PitControl(BitStruct, repr=u8):
    """Control word; channel 3 is the read-back command."""

    bcd: bool = bit(0)
    mode: u8 = bits(1, 3)  # 6 and 7 are 2 and 3
    access: PitAccess = bits(4, 5)
    channel: u8 = bits(6, 7)


class PitReadBack(BitStruct, repr=u8):
    """Read-back command (channel 3); the two latch bits are active low."""

    channels: u8 = bits(1, 3)
    no_status: bool = bit(4)
    no_count: bool = bit(5)


class PitStatus(BitStruct, repr=u8):
    """What a read-back latches."""

    bcd: bool = bit(0)
    mode: u8 = bits(1, 3)
    access: PitAccess = bits(4, 5)
    null_count: bool = bit(6)  # the count written last is not in the counter yet
    output: bool = bit(7)


class Pit8254(PortBlock, size=4):
    """Three counters and the control word. Byte registers."""

    counter: RegArray[u8] = at(0, count=3, stride=1)
    control: Reg[PitControl] = at(3, access=WO)


class SystemControl(BitStruct, repr=u8):
    """Port 61h. Bits 0 to 3 are written, the others are read-only."""

    gate2: bool = bit(0)
    speaker: bool = bit(1)
    parity_disable: bool = bit(2)
    channel_check_disable: bool = bit(3)
    refresh_toggle: bool = bit(4)
    output2: bool = bit(5)
