"""COM1, polled, 115200 8N1: what the loaders say stands in the log of an emulator or a serial console too."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, ports, range, storage, u8, u16
from drivers.console.ns16550 import BAUD_DIVIDEND, COM1, FifoControl, LineControl, Ns16550, Ns16550Divisor

BAUD = 115200
ABSENT = 0xFF  # what a bus without a UART reads
POLLS_PER_BYTE = 5_000_000  # a port read takes about 1 us, but an emulator whose reader is slow stalls for long


class SerialLine(Struct):
    dead: Field[bool]


LINE = storage(SerialLine)


@fn
def start_serial() -> None:
    """Set speed and 8N1 (some firmware leaves 5 data bits), FIFOs on, interrupts off."""
    uart = ports(Ns16550, u16(COM1))
    divisor = ports(Ns16550Divisor, u16(COM1))
    uart.line_control.write(LineControl(word_length=u8(3), divisor_latch=True))
    divisor.low.write(u8(BAUD_DIVIDEND // BAUD))
    divisor.high.write(u8(0))
    uart.line_control.write(LineControl(word_length=u8(3)))
    uart.fifo_control.write(FifoControl(enable=True, clear_receive=True, clear_transmit=True))


@fn
def read_serial() -> u8:
    """A byte that has come in, else 0."""
    uart = ports(Ns16550, u16(COM1))
    status = uart.line_status.read()
    if u8(status) == ABSENT or not status.data_ready:
        return u8(0)
    return uart.data.read()


@fn
def write_serial_text(byte: u8) -> None:
    """Send one character of text: CR goes before LF."""
    if byte == 10:
        write_serial(u8(13))
    write_serial(byte)


@fn
def write_serial(byte: u8) -> None:
    """Send one byte, unless the UART is absent; one that is stuck gets no second chance."""
    if LINE.dead:
        return
    uart = ports(Ns16550, u16(COM1))
    for _ in range(POLLS_PER_BYTE):
        status = uart.line_status.read()
        if u8(status) == ABSENT:
            return
        if status.transmit_empty:
            uart.data.write(byte)
            return
    LINE.dead = True
