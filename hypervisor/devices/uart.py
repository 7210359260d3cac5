"""A 16550A as the guest sees it (PC16550D datasheet). `interrupt` is the INTR pin behind OUT2.

What the guest sends waits in a queue that the VM's console empties, so a byte costs the guest no line time; while the
queue is
full the transmitter is busy, and nothing is lost.
"""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, u8, u32
from drivers.console.ns16550 import (
    CAUSE_CHARACTER_TIMEOUT,
    CAUSE_LINE_STATUS,
    CAUSE_RECEIVED_DATA,
    CAUSE_TRANSMIT_EMPTY,
    FifoControl,
    InterruptEnable,
    InterruptIdentification,
    LineControl,
    LineStatus,
    ModemControl,
    ModemStatus,
)

OUTPUT_BYTES = 1024  # a power of two
OUTPUT_ATTENTION = 768  # from here on the console must be emptied soon
FIFO_BYTES = 16


class Uart(Struct):
    """One port."""

    enabled: Field[InterruptEnable]
    control: Field[FifoControl]
    line: Field[LineControl]
    modem: Field[ModemControl]
    divisor_low: Field[u8]
    divisor_high: Field[u8]
    scratch: Field[u8]
    overrun: Field[bool]
    transmit_pending: Field[bool]  # the "transmitter empty" interrupt waits to be seen
    interrupt: Field[bool]  # INTR
    received_first: Field[u32]
    received_count: Field[u32]
    received: Array[u8] = count(FIFO_BYTES)
    sent_first: Field[u32]
    sent_count: Field[u32]
    sent: Array[u8] = count(OUTPUT_BYTES)


@fn(cold=True)
def uart_reset(uart: Uart) -> None:
    """After master reset (datasheet, table III); what is still in the output queue stays."""
    uart.enabled = InterruptEnable()
    uart.control = FifoControl()
    uart.line = LineControl()
    uart.modem = ModemControl()
    uart.divisor_low = 12  # 9600 baud, as firmware leaves it
    uart.divisor_high = 0
    uart.scratch = 0
    uart.overrun = False
    uart.transmit_pending = False
    uart.received_count = 0
    uart.interrupt = False


@fn
def uart_read(uart: Uart, offset: u32) -> u8:
    """A byte from the register at `offset`, 0 to 7 (drivers.console.ns16550.Ns16550)."""
    match offset:
        case 0:
            return uart.divisor_low if uart.line.divisor_latch else read_data(uart)
        case 1:
            return uart.divisor_high if uart.line.divisor_latch else u8(uart.enabled)
        case 2:
            return read_identification(uart)
        case 3:
            return u8(uart.line)
        case 4:
            return u8(uart.modem)
        case 5:
            return read_line_status(uart)
        case 6:
            return modem_status(uart)
        case _:
            return uart.scratch


@fn
def uart_write(uart: Uart, offset: u32, value: u8) -> None:
    """A byte to the register at `offset`, 0 to 7; the status registers ignore writes."""
    match offset:
        case 0:
            if uart.line.divisor_latch:
                uart.divisor_low = value
            else:
                write_data(uart, value)
        case 1:
            if uart.line.divisor_latch:
                uart.divisor_high = value
            else:
                write_enable(uart, InterruptEnable.of(value & 0x0F))
        case 2:
            write_fifo_control(uart, FifoControl.of(value))
        case 3:
            uart.line = LineControl.of(value)
        case 4:
            uart.modem = ModemControl.of(value & 0x1F)
        case 7:
            uart.scratch = value
        case _:
            return
    update(uart)


@fn
def output_is_full(uart: Uart) -> bool:
    """No room for a whole FIFO: the transmitter looks busy."""
    return uart.sent_count > OUTPUT_BYTES - FIFO_BYTES


@fn
def read_data(uart: Uart) -> u8:
    """The oldest received byte; 0 when there is none."""
    if uart.received_count == 0:
        return u8(0)
    value = uart.received[uart.received_first & (FIFO_BYTES - 1)]
    uart.received_first = (uart.received_first + 1) & (FIFO_BYTES - 1)
    uart.received_count = uart.received_count - 1
    update(uart)
    return value


@fn
def write_data(uart: Uart, value: u8) -> None:
    """A byte to send, or in loopback to receive."""
    uart.transmit_pending = True
    if uart.modem.loopback:
        uart_receive(uart, value)
        return
    if uart.sent_count == OUTPUT_BYTES:
        return  # the guest wrote although the transmitter was busy: hardware would overwrite, too
    uart.sent[(uart.sent_first + uart.sent_count) & (OUTPUT_BYTES - 1)] = value
    uart.sent_count = uart.sent_count + 1
    uart.transmit_pending = not output_is_full(uart)


@fn
def write_enable(uart: Uart, value: InterruptEnable) -> None:
    """Enabling the transmitter interrupt while the transmitter is empty raises it at once."""
    if value.transmit_empty and not uart.enabled.transmit_empty:
        uart.transmit_pending = not output_is_full(uart)
    uart.enabled = value


@fn
def write_fifo_control(uart: Uart, value: FifoControl) -> None:
    """Changing the enable bit, or asking for it, empties the receive FIFO."""
    if value.clear_receive or value.enable != uart.control.enable:
        uart.received_count = 0
        uart.overrun = False
    uart.control = value.replace(clear_receive=False, clear_transmit=False)


@fn
def cause_of(uart: Uart) -> u8:
    """The interrupt of the highest priority, or 0xFF (datasheet, table IV)."""
    enabled = uart.enabled
    if enabled.line_status and uart.overrun:
        return u8(CAUSE_LINE_STATUS)
    if enabled.received_data and uart.received_count != 0:
        # Below the trigger level the time-out is due: the line is much faster than the guest reads.
        if uart.control.enable and uart.received_count < trigger_level(uart):
            return u8(CAUSE_CHARACTER_TIMEOUT)
        return u8(CAUSE_RECEIVED_DATA)
    if enabled.transmit_empty and uart.transmit_pending:
        return u8(CAUSE_TRANSMIT_EMPTY)
    return u8(0xFF)


@fn
def trigger_level(uart: Uart) -> u32:
    """Bytes that raise the received-data interrupt with FIFOs on."""
    match uart.control.trigger:
        case 0:
            return u32(1)
        case 1:
            return u32(4)
        case 2:
            return u32(8)
        case _:
            return u32(14)


@fn
def read_identification(uart: Uart) -> u8:
    """IIR; reading it clears a transmitter-empty interrupt that it shows."""
    cause = cause_of(uart)
    fifos = u8(3) if uart.control.enable else u8(0)
    if cause == 0xFF:
        return u8(InterruptIdentification(none_pending=True, fifos_enabled=fifos))
    if cause == CAUSE_TRANSMIT_EMPTY:
        uart.transmit_pending = False
        update(uart)
    return u8(InterruptIdentification(cause=cause, fifos_enabled=fifos))


@fn
def read_line_status(uart: Uart) -> u8:
    """LSR; reading it clears the overrun bit."""
    busy = output_is_full(uart)
    status = LineStatus(
        data_ready=uart.received_count != 0,
        overrun=uart.overrun,
        transmit_empty=not busy,
        transmitter_idle=not busy,
    )
    if uart.overrun:
        uart.overrun = False
        update(uart)
    return u8(status)


@fn
def modem_status(uart: Uart) -> u8:
    """The other end is always there; in loopback the outputs come back (datasheet, 8.6.7)."""
    if uart.modem.loopback:
        return u8(
            ModemStatus(
                clear_to_send=uart.modem.request_to_send,
                data_set_ready=uart.modem.data_terminal_ready,
                ring=uart.modem.out1,
                carrier=uart.modem.out2,
            )
        )
    return u8(ModemStatus(clear_to_send=True, data_set_ready=True, carrier=True))


@fn
def update(uart: Uart) -> None:
    """Work out INTR. OUT2 gates it on a PC; in loopback it stays inside."""
    uart.interrupt = uart.modem.out2 and not uart.modem.loopback and cause_of(uart) != 0xFF


# ---- the line's other end ----


@fn
def uart_can_receive(uart: Uart) -> bool:
    """Whether the receive FIFO has room."""
    limit = u32(FIFO_BYTES) if uart.control.enable else u32(1)
    return uart.received_count < limit and not uart.modem.loopback


@fn
def uart_receive(uart: Uart, byte: u8) -> None:
    """A byte arrives from the line; one too many is an overrun."""
    limit = u32(FIFO_BYTES) if uart.control.enable else u32(1)
    if uart.received_count >= limit:
        uart.overrun = True
    else:
        uart.received[(uart.received_first + uart.received_count) & (FIFO_BYTES - 1)] = byte
        uart.received_count = uart.received_count + 1
    update(uart)


@fn
def uart_has_output(uart: Uart) -> bool:
    """Whether the guest sent something that nobody has taken."""
    return uart.sent_count != 0


@fn
def uart_take_output(uart: Uart) -> u8 | None:
    """The oldest byte that the guest sent."""
    if uart.sent_count == 0:
        return None
    was_full = output_is_full(uart)
    byte = uart.sent[uart.sent_first & (OUTPUT_BYTES - 1)]
    uart.sent_first = (uart.sent_first + 1) & (OUTPUT_BYTES - 1)
    uart.sent_count = uart.sent_count - 1
    if was_full and not output_is_full(uart):
        uart.transmit_pending = True
        update(uart)
    return byte
