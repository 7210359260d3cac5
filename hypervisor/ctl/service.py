"""The port's turn in the first processor's service rounds: bytes into a line, a line into a request, a piece of the
answer, and what the port takes of it."""

from __future__ import annotations

from codegen.lang import Array, Field, Struct, count, fn, range, span_of, storage, u8, u32, usize
from drivers.console.ns16550 import FIFO_BYTES
from drivers.console.serial import serial_can_send, serial_interrupts, serial_receive, serial_send
from hypervisor.ctl.answer import ANSWER, has_room
from hypervisor.ctl.port import CTL_PORT
from hypervisor.ctl.request import LINE_MAX
from hypervisor.ctl.run import RUNNING, enter_request, refuse_long_line, run_step

LINE_FEED, CARRIAGE_RETURN = 0x0A, 0x0D
RECEIVED_MAX = 1024  # bytes of one round
FIFOS_MAX = 64  # fillings of one round, where the port is no real one and takes them at once


class CtlLine(Struct):
    """The line that is being received. `too_long`: it is dropped up to its end."""

    bytes: Array[u8] = count(LINE_MAX)
    length: Field[u32]
    too_long: Field[bool]


LINE = storage(CtlLine)


@fn
def serve_ctl() -> None:
    """After an interrupt of the port, and once a second in any case."""
    if CTL_PORT.wanted.load() != 0 and CTL_PORT.serial.present:
        serve_port()


@fn(cold=True, noinline=True)
def serve_port() -> None:
    """Interrupts are off meanwhile: switching on what is wanted makes an edge if there is something to do already."""
    CTL_PORT.wanted.store(0)
    serial = CTL_PORT.serial
    serial_interrupts(serial, False, False)
    receive()
    if RUNNING.busy and has_room():
        run_step()
    transmit()
    serial_interrupts(serial, not RUNNING.busy, RUNNING.busy or not ANSWER.ring.is_empty())


@fn(cold=True)
def receive() -> None:
    """Up to the end of a line; the next one waits until this one is answered."""
    for _ in range(u32(RECEIVED_MAX)):
        if RUNNING.busy or not has_room():
            return
        byte = serial_receive(CTL_PORT.serial)
        if byte is None:
            return
        take_byte(byte)


@fn(cold=True)
def take_byte(byte: u8) -> None:
    """Into the line, or the line's end."""
    if byte == LINE_FEED:
        if LINE.too_long:
            refuse_long_line()
        elif LINE.length != 0:
            enter_request(span_of(LINE).slice(usize(0), usize(LINE.length)))
        LINE.length = 0
        LINE.too_long = False
    elif LINE.length == LINE_MAX:
        LINE.too_long = True
    elif byte != CARRIAGE_RETURN:
        LINE.bytes[LINE.length] = byte
        LINE.length += 1


@fn(cold=True)
def transmit() -> None:
    """What the port takes now; its interrupt asks for more."""
    for _ in range(u32(FIFOS_MAX)):
        if ANSWER.ring.is_empty() or not serial_can_send(CTL_PORT.serial):
            return
        for _ in range(u32(FIFO_BYTES)):
            if not ANSWER.ring.is_empty():
                serial_send(CTL_PORT.serial, ANSWER.ring.take())
