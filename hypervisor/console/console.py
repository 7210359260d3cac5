"""The real console: one queue for the monitor's lines and the guests' bytes, drained by the UART's interrupt.

CONSOLE.lock guards it, the guests' consoles, the screen and the log. What takes the lock says so; the rest wants it
held.
"""

from __future__ import annotations

from codegen.lang import Field, Span, Struct, fn, len, range, span, storage, u8, u16, u32
from drivers.console.debug_port import debug_port_present, debug_port_put
from drivers.console.ns16550 import COM1, FIFO_BYTES
from drivers.console.serial import (
    SerialPort,
    serial_acknowledge,
    serial_can_send,
    serial_hold,
    serial_interrupts,
    serial_receive,
    serial_send,
    serial_start,
    serial_wait_to_send,
)
from hypervisor.console.byte_ring import RING_BYTES, ByteRing
from hypervisor.console.console_lock import ConsoleLock
from hypervisor.console.screen import screen_place_cursor, screen_put, screen_use_vga

MONITOR = 0xFFFF_FFFF  # the speaker that is no VM
LINE_END = span(b"\r\n")
PREFIX = span(b"keelback: ")
INTERRUPT_ROUNDS = 64  # bytes of work for one interrupt, at least; the line stays up if there is more


class Console(Struct):
    """Devices, queues, and whose line is open."""

    lock: ConsoleLock
    serial: SerialPort
    debug_port: Field[bool]
    by_interrupt: Field[bool]  # the UART's interrupt is routed; until then lines push what they can
    synchronous: Field[bool]  # a panic, or the end: nothing stays queued
    holding: Field[bool]  # the input queue is full: the sender has been asked to wait
    on_screen: Field[bool]  # somebody types on the machine's own keyboard: guests are shown there too
    line_open: Field[bool]  # the last byte printed was no line end
    speaker: Field[u32]  # whose line that is: a VM's index, or MONITOR
    output: ByteRing
    input: ByteRing


CONSOLE = storage(Console)


@fn(cold=True)
def console_start(vga_text: bool) -> None:
    """Find the devices. Output works from here on, by polling. `vga_text`: the firmware left a text screen."""
    CONSOLE.lock.start()
    serial_start(CONSOLE.serial, u16(COM1))
    if vga_text:
        screen_use_vga()
    CONSOLE.debug_port = debug_port_present()
    CONSOLE.speaker = MONITOR


@fn(cold=True)
def console_start_interrupts() -> None:
    """The UART's interrupt reaches `console_interrupt` from now on. Takes the lock."""
    with CONSOLE.lock:
        CONSOLE.by_interrupt = True
        serial_interrupts(CONSOLE.serial, True, not CONSOLE.output.is_empty())


@fn
def console_line(mark: Span, text: Span) -> None:
    """Print one line of the monitor's own, on a line of its own."""
    end_open_line(u32(MONITOR))
    console_monitor_text(PREFIX)
    console_monitor_text(mark)
    console_monitor_text(text)
    console_monitor_text(LINE_END)
    screen_place_cursor()
    console_push()


@fn
def console_monitor_text(text: Span) -> None:
    """To every device: the monitor's words must be seen somewhere."""
    for i in range(len(text)):
        byte = text[i]
        if CONSOLE.debug_port:
            debug_port_put(byte)
        screen_put(byte)
        queue_byte(byte)


@fn
def end_open_line(speaker: u32) -> None:
    """Someone else's unfinished line ends here."""
    if CONSOLE.line_open and CONSOLE.speaker != speaker:
        for i in range(len(LINE_END)):
            console_guest_byte(LINE_END[i])
    CONSOLE.line_open = False
    CONSOLE.speaker = speaker


@fn
def console_guest_byte(byte: u8) -> None:
    """One byte of a guest; to the screen only where there is no UART, or somebody types at it."""
    queue_byte(byte)
    if CONSOLE.on_screen or not CONSOLE.serial.present:
        screen_put(byte)


@fn
def console_room() -> u32:
    """Bytes that can be queued without waiting for the line."""
    return RING_BYTES - CONSOLE.output.used()


@fn
def console_make_room(bytes_wanted: u32) -> None:
    """Wait until the queue has room for so many bytes, and no longer: whoever wants the lock waits too."""
    while console_room() < bytes_wanted:
        send_some()


@fn
def queue_byte(byte: u8) -> None:
    """Append to the output; a full queue is waited for, never dropped from."""
    if not CONSOLE.serial.present:
        return
    if CONSOLE.synchronous:
        console_flush()
    else:
        console_make_room(u32(1))
    CONSOLE.output.put(byte)


@fn
def console_push() -> None:
    """After queueing: start the line if it rests. The interrupt, or the next push, does the rest."""
    if CONSOLE.synchronous:
        console_flush()
    elif CONSOLE.serial.present and not CONSOLE.serial.sending:
        fill_fifo()
        if CONSOLE.by_interrupt:
            serial_interrupts(CONSOLE.serial, not CONSOLE.holding, not CONSOLE.output.is_empty())


@fn
def fill_fifo() -> None:
    """Hand the UART what it takes now."""
    if CONSOLE.output.is_empty() or not serial_can_send(CONSOLE.serial):
        return
    for _ in range(u32(FIFO_BYTES)):
        if CONSOLE.output.is_empty():
            return
        serial_send(CONSOLE.serial, CONSOLE.output.take())


@fn
def console_flush() -> None:
    """Send everything queued, polling."""
    for _ in range(u32(RING_BYTES)):  # and no more, should a panic have found the queue half changed
        if not CONSOLE.serial.present or CONSOLE.output.is_empty():
            return
        send_some()


@fn
def send_some() -> None:
    """Wait until the UART takes bytes, and hand it some. One that stops taking them is given up."""
    if serial_wait_to_send(CONSOLE.serial):
        fill_fifo()
    else:
        CONSOLE.serial.present = False
        CONSOLE.output.clear()


@fn
def console_interrupt() -> None:
    """The UART's interrupt, and what the idle loop calls: fetch what arrived, send what waits. Takes the lock."""
    with CONSOLE.lock:
        if not CONSOLE.serial.present:
            return
        for _ in range(u32(INTERRUPT_ROUNDS)):
            asked = serial_acknowledge(CONSOLE.serial)
            fetch_input()
            fill_fifo()
            serial_interrupts(CONSOLE.serial, not CONSOLE.holding, not CONSOLE.output.is_empty())
            if not asked:
                return


@fn
def fetch_input() -> None:
    """Bytes from the UART into the input queue, until it is full: then the sender waits, and nothing is lost."""
    while not CONSOLE.input.is_full():
        byte = serial_receive(CONSOLE.serial)
        if byte is None:
            return
        CONSOLE.input.put(byte)
    if not CONSOLE.holding:
        CONSOLE.holding = True
        serial_hold(CONSOLE.serial, True)


@fn
def console_is_polled() -> bool:
    """Whether there is a UART, but no interrupt of it."""
    return CONSOLE.serial.present and not CONSOLE.by_interrupt


@fn
def console_has_input() -> bool:
    """Whether something typed waits. Read without the lock: what comes later is looked at later."""
    return not CONSOLE.input.is_empty()


@fn
def console_take_input() -> u8 | None:
    """The next byte that was typed. Takes the lock."""
    with CONSOLE.lock:
        if CONSOLE.input.is_empty():
            return None
        byte = CONSOLE.input.take()
        if CONSOLE.holding and CONSOLE.input.used() <= RING_BYTES // 2:
            CONSOLE.holding = False
            serial_hold(CONSOLE.serial, False)
            fetch_input()
            serial_interrupts(CONSOLE.serial, not CONSOLE.holding, CONSOLE.serial.sending)
        return byte


@fn(cold=True)
def console_seize() -> None:
    """For a panic, or the end of the run: from here on every byte is sent before the next one is made; interrupts play
    no part, nor do other processors, whatever they were doing."""
    CONSOLE.lock.seize()
    if CONSOLE.serial.present:
        serial_interrupts(CONSOLE.serial, False, False)
    CONSOLE.synchronous = True
    console_flush()
