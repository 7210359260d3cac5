"""The board's registers, used by all processors at once under the guest's own lock."""

from __future__ import annotations

from codegen.lang import Hpa, fn, mmio, range, u8, u16, u32, u64
from drivers.interrupt.ioapic import IOAPIC_BASE, REGISTER_REDIRECTION, IoApicRegisters
from tests.guests.check import check, checks_of
from tests.guests.machine import read_byte, write_byte
from tests.guests.smp.lock import LOCK
from tests.guests.smp.processor import Processor
from tests.guests.smp.task import all_answer, give_all, task

ROUNDS = 300
PIC_1_MASK, PIC_2_MASK = 0x21, 0xA1
PIT_CHANNEL_2, PIT_CONTROL = 0x42, 0x43
MODE_0, LATCH = 0xB0, 0x80  # channel 2, both bytes
SPEAKER_GATE = 0x61
CMOS_INDEX, CMOS_DATA = 0x70, 0x71
CMOS_FREE = 0x40
UART_SCRATCH = 0x3FF
LAST_PIN = 23
PIC_ALL = 0xFF


@fn
def pic_keeps(value: u8) -> bool:
    """The masks of the lines that nothing uses; all stay masked on the way out."""
    write_byte(u16(PIC_1_MASK), value | 0x03)
    write_byte(u16(PIC_2_MASK), ~value)
    kept = read_byte(u16(PIC_1_MASK)) == value | 0x03 and read_byte(u16(PIC_2_MASK)) == ~value
    write_byte(u16(PIC_1_MASK), u8(PIC_ALL))
    write_byte(u16(PIC_2_MASK), u8(PIC_ALL))
    return kept


@fn
def pit_keeps(value: u8) -> bool:
    """Channel 2 with its gate closed stands at what was loaded."""
    write_byte(u16(SPEAKER_GATE), u8(0))
    write_byte(u16(PIT_CONTROL), u8(MODE_0))
    write_byte(u16(PIT_CHANNEL_2), value)
    write_byte(u16(PIT_CHANNEL_2), u8(0x40))
    write_byte(u16(PIT_CONTROL), u8(LATCH))
    low = read_byte(u16(PIT_CHANNEL_2))
    high = read_byte(u16(PIT_CHANNEL_2))
    return low == value and high == 0x40


@fn
def cmos_keeps(own: u32, value: u8) -> bool:
    """A byte of this processor's own, by the index that all share."""
    write_byte(u16(CMOS_INDEX), u8(CMOS_FREE) + u8(own))
    write_byte(u16(CMOS_DATA), value)
    write_byte(u16(CMOS_INDEX), u8(CMOS_FREE + 8))
    write_byte(u16(CMOS_INDEX), u8(CMOS_FREE) + u8(own))
    return read_byte(u16(CMOS_DATA)) == value


@fn
def uart_keeps(value: u8) -> bool:
    write_byte(u16(UART_SCRATCH), value)
    return read_byte(u16(UART_SCRATCH)) == value


@fn
def ioapic_keeps(value: u8) -> bool:
    """Of the last pin, masked: vector and destination."""
    window = mmio(IoApicRegisters, Hpa(IOAPIC_BASE))
    window.select.write(u32(REGISTER_REDIRECTION + 2 * LAST_PIN))
    window.data.write(u32(0x1_0000) | u32(value))
    window.select.write(u32(REGISTER_REDIRECTION + 2 * LAST_PIN + 1))
    window.data.write(u32(value) << 24)
    window.select.write(u32(REGISTER_REDIRECTION + 2 * LAST_PIN))
    low = window.data.read()
    window.select.write(u32(REGISTER_REDIRECTION + 2 * LAST_PIN + 1))
    return low == u32(0x1_0000) | u32(value) and window.data.read() == u32(value) << 24


@fn
def hammer(own: u32) -> bool:
    """Each access sees what this processor wrote while it held the lock."""
    kept = True
    for i in range(u32(ROUNDS)):
        value = u8.trunc(i * 7 + own * 61)
        with LOCK:
            kept = pic_keeps(value) and pit_keeps(value) and cmos_keeps(own, value) and kept
        with LOCK:
            kept = uart_keeps(value) and ioapic_keeps(value) and kept
    return kept


@task
@fn
def hammer_ports(own: Processor, argument: u64) -> u64:
    return u64(hammer(own.index))


@check
@fn
def all_processors_may_use_the_board_at_once() -> bool:
    give_all(u32(hammer_ports.number), u64(0))
    kept = hammer(u32(0))
    return all_answer(u64(1)) and kept


CHECKS = checks_of(globals())
