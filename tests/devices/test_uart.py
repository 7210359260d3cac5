"""A 16550A against a model written from the datasheet, one random access at a time."""

from __future__ import annotations

import random

import pytest

from codegen.lang import storage, u8, u32
from hypervisor.devices.uart import (
    Uart,
    uart_can_receive,
    uart_read,
    uart_receive,
    uart_reset,
    uart_take_output,
    uart_write,
)
from tests.played_guest.machine import everywhere

UART = storage(Uart)
TRIGGERS = (1, 4, 8, 14)
DLAB, LOOPBACK, OUT2 = 1 << 7, 1 << 4, 1 << 3


class Model:
    """PC16550D, with a line that takes a byte at once."""

    def __init__(self) -> None:
        self.ier = self.lcr = self.mcr = self.scr = 0
        self.fifo, self.trigger = False, 1
        self.divisor = [12, 0]
        self.received: list[int] = []
        self.sent: list[int] = []
        self.overrun = self.thre = False

    def receive(self, byte: int) -> None:
        if len(self.received) >= (16 if self.fifo else 1):
            self.overrun = True
        else:
            self.received.append(byte)

    def cause(self) -> int | None:
        if self.ier & 4 and self.overrun:
            return 3
        if self.ier & 1 and self.received:
            return 2 if not self.fifo or len(self.received) >= self.trigger else 6
        return 1 if self.ier & 2 and self.thre else None

    def interrupt(self) -> bool:
        return self.mcr & (OUT2 | LOOPBACK) == OUT2 and self.cause() is not None

    def read(self, offset: int) -> int:
        if offset < 2 and self.lcr & DLAB:
            return self.divisor[offset]
        if offset == 0:
            return self.received.pop(0) if self.received else 0
        if offset == 2:
            cause, fifos = self.cause(), 0xC0 if self.fifo else 0
            self.thre &= cause != 1
            return fifos | (1 if cause is None else cause << 1)
        if offset == 5:
            value = 0x60 | bool(self.received) | self.overrun << 1
            self.overrun = False
            return value
        if offset == 6:
            m = self.mcr
            return (m & 2) << 3 | (m & 1) << 5 | (m & 4) << 4 | (m & 8) << 4 if m & LOOPBACK else 0xB0
        return {1: self.ier, 3: self.lcr, 4: self.mcr, 7: self.scr}[offset]

    def write(self, offset: int, value: int) -> None:
        if offset < 2 and self.lcr & DLAB:
            self.divisor[offset] = value
        elif offset == 0:
            self.thre = True
            self.receive(value) if self.mcr & LOOPBACK else self.sent.append(value)
        elif offset == 1:
            self.thre |= bool(value & 2 and not self.ier & 2)
            self.ier = value & 15
        elif offset == 2:
            if value & 2 or bool(value & 1) != self.fifo:
                self.received, self.overrun = [], False
            self.fifo, self.trigger = bool(value & 1), TRIGGERS[value >> 6]
        elif offset == 3:
            self.lcr = value
        elif offset == 4:
            self.mcr = value & 0x1F
        elif offset == 7:
            self.scr = value


@pytest.fixture(autouse=True)
def fresh():
    UART.zero()
    uart_reset(UART)


def drain(run):
    taken = []
    while (byte := run(uart_take_output, UART)) is not None:
        taken.append(int(byte))
    return taken


@everywhere
@pytest.mark.parametrize("seed", range(6))
def test_it_behaves_as_the_datasheet_says(run, seed):
    source, model = random.Random(seed), Model()
    sent: list[int] = []
    for _ in range(1500):
        act = source.randrange(10)
        if act < 4:
            offset = source.randrange(8)
            assert run(uart_read, UART, u32(offset)) == model.read(offset), offset
        elif act < 8:
            offset = source.choice((0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7))
            value = source.choice((source.randrange(256), source.randrange(16), 0x0B, 0x07, 0x03))
            run(uart_write, UART, u32(offset), u8(value))
            model.write(offset, value)
        elif act == 8:
            assert run(uart_can_receive, UART) == (
                len(model.received) < (16 if model.fifo else 1) and not model.mcr & LOOPBACK
            )
            byte = source.randrange(256)
            run(uart_receive, UART, u8(byte))
            model.receive(byte)
        else:
            sent += drain(run)
        assert UART.interrupt == model.interrupt()
    assert sent + drain(run) == model.sent


@everywhere
def test_nothing_is_lost_when_the_console_is_slow(run):
    run(uart_write, UART, u32(2), u8(1))
    text = random.Random(1).randbytes(4000)
    waiting, taken = list(text), []
    while waiting:
        if run(uart_read, UART, u32(5)) & 0x20 != 0:
            for byte in waiting[:16]:
                run(uart_write, UART, u32(0), u8(byte))
            waiting = waiting[16:]
        else:
            taken += drain(run)
    assert bytes(taken + drain(run)) == text


@everywhere
def test_a_queue_that_empties_raises_the_transmitter_interrupt(run):
    run(uart_write, UART, u32(4), u8(8))
    run(uart_write, UART, u32(1), u8(2))
    assert UART.interrupt and run(uart_read, UART, u32(2)) == 2 and not UART.interrupt
    while run(uart_read, UART, u32(5)) & 0x20 != 0:
        run(uart_write, UART, u32(0), u8(0x41))
    run(uart_read, UART, u32(2))
    assert not UART.interrupt
    drain(run)
    assert UART.interrupt
