"""The driver of one 16550: 115200 8N1, both FIFOs, interrupts for what arrives and for room to send."""

from __future__ import annotations

from codegen.lang import Field, Struct, fn, pause, ports, range, u8, u16, u32
from drivers.console.ns16550 import (
    BAUD_DIVIDEND,
    FifoControl,
    InterruptEnable,
    LineControl,
    ModemControl,
    Ns16550,
    Ns16550Divisor,
)

BAUD = 115_200
EIGHT_BITS = 3  # word_length
TRIGGER_8 = 2  # receive interrupt at 8 bytes: 8 more may arrive before one is lost
SEND_PATIENCE = 1_000_000  # polls; a UART that never gets ready must not hang a panic


class SerialPort(Struct):
    """One UART. `sending`: the transmit-empty interrupt is on, and will ask for more."""

    port: Field[u16]
    present: Field[bool]
    errors: Field[u32]  # how often the line status has said that what arrived is not what was sent
    sending: Field[bool]
    receiving: Field[bool]


@fn(cold=True)
def serial_start(serial: SerialPort, port: u16) -> bool:
    """Find and set up the UART at `port`, interrupts off. False when nothing answers there."""
    uart = ports(Ns16550, port)
    serial.port = port
    serial.present = False
    serial.errors = 0
    serial.sending = False
    serial.receiving = False
    uart.scratch.write(0x5A)
    if uart.scratch.read() != 0x5A:
        return False
    uart.interrupt_enable.write(InterruptEnable())
    # Bochs and some firmware leave 5 data bits: the format is set, never assumed.
    uart.line_control.write(LineControl(word_length=u8(EIGHT_BITS), divisor_latch=True))
    divisor = ports(Ns16550Divisor, port)
    divisor.low.write(BAUD_DIVIDEND // BAUD)
    divisor.high.write(0)
    uart.line_control.write(LineControl(word_length=u8(EIGHT_BITS)))
    uart.fifo_control.write(FifoControl(enable=True, clear_receive=True, clear_transmit=True, trigger=u8(TRIGGER_8)))
    uart.modem_control.write(ModemControl(data_terminal_ready=True, request_to_send=True, out2=True))
    serial.present = True
    return True


@fn
def serial_can_send(serial: SerialPort) -> bool:
    """The transmit FIFO is empty: it takes FIFO_BYTES."""
    return ports(Ns16550, serial.port).line_status.read().transmit_empty


@fn
def serial_send(serial: SerialPort, byte: u8) -> None:
    """One byte into the FIFO; at most FIFO_BYTES after `serial_can_send`."""
    ports(Ns16550, serial.port).data.write(byte)


@fn
def serial_receive(serial: SerialPort) -> u8 | None:
    """The next byte that arrived. `errors` goes up when one after it, at most FIFO_BYTES further, was lost, or when it
    arrived damaged itself."""
    uart = ports(Ns16550, serial.port)
    status = uart.line_status.read()
    if status.overrun or status.parity_error or status.framing_error or status.break_received:
        serial.errors = serial.errors.wrapping_add(u32(1))
    if not status.data_ready:
        return None
    return uart.data.read()


@fn
def serial_acknowledge(serial: SerialPort) -> bool:
    """Read the interrupt's cause, which withdraws a transmit interrupt; False when there is none."""
    return not ports(Ns16550, serial.port).interrupt_identification.read().none_pending


@fn
def serial_interrupts(serial: SerialPort, receiving: bool, sending: bool) -> None:
    """Which interrupts the UART raises. Writes the register only when something changes."""
    if serial.receiving == receiving and serial.sending == sending:
        return
    serial.receiving = receiving
    serial.sending = sending
    ports(Ns16550, serial.port).interrupt_enable.write(InterruptEnable(received_data=receiving, transmit_empty=sending))


@fn
def serial_hold(serial: SerialPort, hold: bool) -> None:
    """Flow control: RTS off asks the other side to wait."""
    ports(Ns16550, serial.port).modem_control.write(
        ModemControl(data_terminal_ready=True, request_to_send=not hold, out2=True)
    )


@fn
def serial_wait_to_send(serial: SerialPort) -> bool:
    """Poll until the FIFO is empty; False when that takes longer than any line speed explains."""
    for _ in range(u32(SEND_PATIENCE)):
        if serial_can_send(serial):
            return True
        pause()
    return False


@fn(cold=True)
def serial_drain(serial: SerialPort) -> None:
    """Poll until the last bit has left, so long as any line speed explains: a reset takes the FIFO along."""
    for _ in range(u32(SEND_PATIENCE)):
        if ports(Ns16550, serial.port).line_status.read().transmitter_idle:
            return
        pause()
